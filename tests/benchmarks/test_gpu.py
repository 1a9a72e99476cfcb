"""The GPU benchmark: its builds, and one part run on the CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.gpu.model import Build, Card, choose_builds, make_tokenizer, write_model
from benchmarks.gpu.script import answer, drafts
from revloop import PromptSet
from revloop.models.config import read_shape
from tests.helpers.repository import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

ROOT = REPOSITORY


@pytest.mark.parametrize(
    ("gib", "layers", "quantization"), [(139, 60, None), (79.6, 60, "fp8"), (44, 22, None)]
)
def test_the_memory_of_a_card_decides_the_build(
    gib: float, layers: int, quantization: str | None
) -> None:
    first, *_ = choose_builds("falcon-40b", [Card("card", gib, "1")])
    assert (first.layers, first.quantization) == (layers, quantization)


def test_a_build_that_may_not_fit_has_a_smaller_one_behind_it() -> None:
    _, second = choose_builds("falcon-40b", [Card("card", 79.6, "1")])
    assert second.quantization is None
    assert 30 <= second.layers < 60


def test_the_whole_build_has_falcon_40bs_size(tmp_path: Path) -> None:
    write_model(tmp_path, Build("falcon-40b", 60, None, "a test"))
    shape = read_shape(str(tmp_path))
    assert round(shape.parameters / 1e9, 1) == 41.3


def test_the_tokenizer_has_all_entries_and_any_of_them_spell_text() -> None:
    tokenizer = make_tokenizer(4096)
    assert tokenizer.get_vocab_size() == 4096
    ids = list(range(1, 4096))
    assert "\N{REPLACEMENT CHARACTER}" not in tokenizer.decode(ids, skip_special_tokens=False)


def test_a_text_goes_through_the_tokenizer_unchanged() -> None:
    tokenizer = make_tokenizer(4096)
    text = answer("a prompt", is_critique=True, scale=1.0)
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


def test_the_script_depends_on_the_prompt_alone() -> None:
    assert answer("a", is_critique=False, scale=1.0) == answer("a", is_critique=False, scale=1.0)
    assert answer("a", is_critique=False, scale=1.0) != answer("b", is_critique=False, scale=1.0)


def test_a_scripted_critique_can_be_parsed() -> None:
    critique = answer("a prompt", is_critique=True, scale=1.0)
    assert PromptSet.load("cnr").parse_critique(critique) is not None


def test_drafts_vary_in_length() -> None:
    lengths = [len(draft.response) for draft in drafts(50, 1.0)]
    assert max(lengths) > 2 * min(lengths)


@pytest.mark.slow
@pytest.mark.vllm
def test_a_part_runs_on_a_cpu_and_leaves_its_figures(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.gpu", "--part", "throughput", "--shape", "tiny"]
    finished = subprocess.run(
        [*command, "--output", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    figures = json.loads((tmp_path / "throughput.json").read_text(encoding="utf-8"))
    assert (finished.returncode, figures["ended"]) == (0, "done"), figures.get("last_lines")
    (run,) = figures["runs"]
    looped, replayed = run["loop"]["counters"], run["oracle"]["counters"]
    assert looped["generated_tokens"] == replayed["generated_tokens"] > 0
    assert looped["prefix_cache_hits"] > 0
    assert figures["vllm_bench_throughput"]["requests_per_second"] > 0
