"""``revloop plan`` for whole jobs, as a user meets it."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest
import yaml

from revloop import revise
from tests.helpers import published_models as published
from tests.helpers.command_line import revloop
from tests.helpers.model_configs import FALCON_40B, LLAMA_3_8B
from tests.helpers.scripted_engine import ScriptedEngine, cnr_rounds

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.command_line import Finished

CRITIQUE = "Overall score: 4\nPositive aspects: Short.\nNegative aspects: Vague."
JOB = ("--drafts", "1000000", "--iterations", "5", "--gpu", "h100", "--gpus", "16")
# typer refuses it for a bounded number since 0.29; before that, the model does
TYPER = tuple(map(int, version("typer").split(".")[:2]))
NAN = 2 if TYPER >= (0, 29) else 3


@pytest.fixture
def falcon(tmp_path: Path) -> str:
    folder = tmp_path / "falcon"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(FALCON_40B), encoding="utf-8")
    return str(folder)


def words(finished: Finished) -> str:
    """What was printed, however its lines were broken."""
    assert finished.code == 0, finished.err
    return " ".join(finished.out.split())


async def test_a_job_has_hours_gpu_hours_and_a_limit(falcon: str) -> None:
    printed = words(await revloop("plan", falcon, *JOB))
    assert "13.0 hours" in printed
    assert "GPU hours 208" in printed
    assert "Limited by decode FLOP/s" in printed
    assert "tensor-parallel size 2; 2 nodes of 8" in printed
    assert "https://www.nvidia.com/en-us/data-center/h100/" in printed.replace(" ", "")[:10_000]


async def test_every_assumption_can_be_set(falcon: str) -> None:
    options = ("--flops-share", "0.4", "--bandwidth-share", "0.6", "--max-num-seqs", "64")
    splitting = ("--tensor-parallel-share", "0.85", "--pipeline-share", "0.75")
    memory = ("--gpu-memory-utilization", "0.9", "--gpu-memory-gib", "79")
    printed = words(await revloop("plan", falcon, *JOB, *options, *splitting, *memory))
    for told in ("40% of 989", "60% of 3350", "at most 64", "85%", "75% in a", "90% of 79.0 GiB"):
        assert told in printed


async def test_lengths_can_be_given(falcon: str) -> None:
    lengths = ("--prompt-tokens", "10", "--critique-tokens", "20", "--revision-tokens", "30")
    assert "10 + 20 + 30" in words(await revloop("plan", falcon, *JOB, *lengths))


async def test_lengths_are_taken_from_a_store(falcon: str, tmp_path: Path) -> None:
    store = tmp_path / "versions.sqlite"
    engine = ScriptedEngine(cnr_rounds("One two three.", "One two three four.", critique=CRITIQUE))
    trajectory = revise("One two.", iterations=2, store=store, engine=engine)
    options = ("--lengths-from", str(store), "--prompt-tokens", "12")
    printed = words(await revloop("plan", falcon, *JOB, *options))
    critiques = [s.usage.generated_tokens for s in trajectory.steps if s.kind == "critique"]
    assert f"12 + {sum(critiques) / 2:.0f} +" in printed
    assert "2 rounds each" in printed


async def test_a_store_that_tells_no_lengths_is_named(falcon: str, tmp_path: Path) -> None:
    finished = await revloop("plan", falcon, *JOB, "--lengths-from", str(tmp_path / "none"))
    assert finished.code == 5
    assert "There is no store" in finished.err


async def test_the_memory_of_a_card_is_known(falcon: str) -> None:
    printed = words(await revloop("plan", falcon, "-tp", "2", "--gpu", "h100"))
    assert "92% of 79.1" in printed


async def test_experts_windows_and_quantisation_are_told_in_80_columns(tmp_path: Path) -> None:
    for name in ("GPT_OSS_120B_MXFP4", "DEEPSEEK_V3_FP8", "GEMMA_3_27B"):
        folder = tmp_path / name
        folder.mkdir()
        config = json.dumps(getattr(published, name))
        (folder / "config.json").write_text(config, encoding="utf-8")
        finished = await revloop("plan", str(folder), "-tp", "8", "--gpu", "h200")
        assert finished.code == 0, finished.err
        assert max(map(len, finished.out.splitlines())) <= 80
        told = words(finished)
        assert ("a token uses" in told) == (name != "GEMMA_3_27B")
        assert ("KV cache per sequence" in told) == (name != "DEEPSEEK_V3_FP8")
        assert ("Quantisation" in told) == (name != "GEMMA_3_27B")


@pytest.mark.parametrize("way", ["ray", "slurm", "k8s"])
async def test_an_example_is_printed_as_a_file(falcon: str, way: str) -> None:
    finished = await revloop("plan", falcon, "--gpu", "h100", "--gpus", "16", "--emit", way)
    assert (finished.code, finished.err) == (0, "")
    if way == "k8s":
        assert len(list(yaml.safe_load_all(finished.out))) == 6
    else:
        assert finished.out.startswith("#!/usr/bin/env bash\n")
    assert "vllm" in finished.out
    assert max(len(line) for line in finished.out.splitlines()) > 80  # as it is, never wrapped


@pytest.mark.parametrize("asked", [("--drafts", "10"), ("--emit", "ray", "--gpu", "h100")])
async def test_a_job_without_hardware_is_wrong_usage(falcon: str, asked: tuple[str, ...]) -> None:
    finished = await revloop("plan", falcon, *asked)
    assert finished.code == 2
    assert "--gpu and --gpus" in finished.err


@pytest.mark.parametrize(
    ("asked", "code", "told"),
    [
        (("--gpu", "v100", "--gpus", "8", "--drafts", "10"), 6, "Known: a100-40"),
        (("--gpu", "h100", "--gpus", "1", "--drafts", "10"), 6, "Use more GPUs, or larger ones"),
        ((*JOB, "--flops-share", "1.5"), 2, "--flops-share"),
        ((*JOB, "--flops-share", "nan"), NAN, "--flops-share"),
        ((*JOB, "--flops-share", "1e-310", "--emit", "slurm"), 2, "--flops-share"),
        ((*JOB, "--iterations", "9" * 400), 2, "--iterations"),
        ((*JOB, "--revision-tokens", "nan"), 3, "--revision-tokens"),
        ((*JOB, "--revision-tokens", "inf"), 6, "does not fit the context"),
        ((*JOB, "--gpu-memory-gib", "inf"), 2, "--gpu-memory-gib"),
        ((*JOB, "--gpu-memory-gib", "0"), 3, "--gpu-memory-gib"),
        ((*JOB, "--revision-tokens", "3000"), 6, "does not fit the context"),
        ((*JOB, "-tp", "3"), 6, "are not divisible by 3"),
    ],
)
async def test_what_cannot_be_planned_is_refused_in_words(
    falcon: str, asked: tuple[str, ...], code: int, told: str
) -> None:
    finished = await revloop("plan", falcon, *asked)
    assert finished.code == code, finished.err
    assert told in " ".join(finished.err.split())
    assert "Traceback" not in finished.err


async def test_weights_of_unknown_size_are_refused_in_words(tmp_path: Path) -> None:
    config = LLAMA_3_8B | {"quantization_config": {"quant_method": "aqlm"}}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    finished = await revloop("plan", str(tmp_path), *JOB)
    assert finished.code == 6
    assert "quantised (aqlm)" in finished.err


async def test_assumptions_can_stand_in_the_config_file(falcon: str, tmp_path: Path) -> None:
    (tmp_path / "revloop.toml").write_text(
        "[assumptions]\nflops_share = 0.4\npipeline_share = 0.7\n", encoding="utf-8"
    )
    options = ("--pipeline-share", "0.75")
    printed = words(await revloop("plan", falcon, *JOB, *options, folder=tmp_path))
    assert "40% of 989" in printed
    assert "75% in a" in printed
