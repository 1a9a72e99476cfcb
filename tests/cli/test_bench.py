"""``revloop bench``, as a user runs it: over a real server, small as it comes here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from revloop.bench import HEADLINE, BenchResult
from revloop.bench.plots import plot_throughput
from revloop.cli.bench import with_own_prompts
from revloop.errors import InputError
from revloop.options import EngineOptions, RunOptions
from tests.helpers.command_line import revloop

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Served


@pytest.mark.vllm
async def test_throughput_is_measured_against_the_oracle(
    vllm_server: Served, tmp_path: Path
) -> None:
    finished = await revloop(
        *("bench", "throughput", "--drafts", "6", "--iterations", "2", "--repeats", "2"),
        *("--base-url", vllm_server.base_url, "--output", "r.json", "--plot", "r.png"),
        folder=tmp_path,
    )
    assert finished.code == 0, finished.err
    assert "revloop / oracle" in finished.out
    result = BenchResult.read(tmp_path / "r.json")
    batch, oracle = (result.sides[name].figures for name in ("revloop", "oracle"))
    assert batch["versions"].median == 12
    assert batch["requests"].values == oracle["requests"].values == (24, 24)
    # the same tokens: what a side generated is its rate times its time
    made = [
        [rate * wall for rate, wall in zip(side.values, walls.values, strict=True)]
        for side, walls in (
            (figures["generated_tokens_per_s"], figures["wall_s"]) for figures in (batch, oracle)
        )
    ]
    assert made[0] == pytest.approx(made[1])
    assert result.ratios[HEADLINE].values == pytest.approx(
        [o / b for o, b in zip(oracle["wall_s"].values, batch["wall_s"].values, strict=True)]
    )
    assert [row["round"] for row in result.sides["revloop"].rounds] == [1, 2]
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")

    compared = await revloop("bench", "compare", "r.json", "r.json", folder=tmp_path)
    assert compared.code == 0
    assert compared.out.startswith("0 figures changed; ")


async def test_that_an_editor_is_not_measured_is_told(tmp_path: Path) -> None:
    (tmp_path / "revloop.toml").write_text('[loop]\neditor = "http://127.0.0.1:8001"\n')
    options = ("--base-url", "http://127.0.0.1:8000", "--input", "missing.jsonl")
    finished = await revloop("bench", "throughput", *options, folder=tmp_path)
    assert finished.code == 3
    assert "The editor in revloop.toml is left out: one engine is measured" in finished.err


async def test_a_file_of_drafts_can_be_measured(vllm_server: Served, tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text('{"response": "one"}\nnot json\n{"response": "two"}\n')
    finished = await revloop(
        *("bench", "throughput", "--input", "mine.jsonl", "--iterations", "1", "--repeats", "1"),
        *("--base-url", vllm_server.base_url, "--no-oracle", "--output", "r.json"),
        folder=tmp_path,
    )
    assert finished.code == 0, finished.err
    result = BenchResult.read(tmp_path / "r.json")
    assert result.settings["drafts"] == 2
    assert list(result.sides) == ["revloop"]


async def test_a_file_without_a_draft_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    finished = await revloop(
        *("bench", "throughput", "--input", "empty.jsonl", "--base-url", "http://127.0.0.1:9"),
        folder=tmp_path,
    )
    assert (finished.code, finished.out) == (3, "")
    assert "empty.jsonl holds no usable draft" in finished.err


def test_the_proofreader_is_measured_with_its_own_prompts() -> None:
    proofreader = EngineOptions(model="english")
    assert with_own_prompts(RunOptions(), proofreader).prompts == "english"
    assert with_own_prompts(RunOptions(), EngineOptions(model="demo")).prompts == "cnr"
    with pytest.raises(InputError, match="leave --prompts chat out"):
        with_own_prompts(RunOptions(prompts="chat"), proofreader)


def test_a_picture_needs_a_name_that_tells_its_kind(tmp_path: Path) -> None:
    result = BenchResult.made_now("throughput", settings={}, sides={}, ratios={})
    with pytest.raises(InputError, match=r"use a \.png or \.svg file"):
        plot_throughput(result, tmp_path / "picture.gif")
