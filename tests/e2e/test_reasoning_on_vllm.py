"""A reasoning model on a real vLLM server, with and without vLLM's reasoning parser."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from revloop import AsyncReviser
from revloop.trajectory import StopReason
from tests.helpers.chain_model import REVISION, THOUGHT, make_chain_model
from tests.helpers.repository import free_port, need_vllm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from revloop import Trajectory

pytestmark = [pytest.mark.vllm, pytest.mark.slow]

STOP_S = 60


@pytest.fixture(scope="module", params=[None, "qwen3"], ids=["no parser", "parser"])
def base_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    need_vllm()
    folder = tmp_path_factory.mktemp("reasoning")
    model = make_chain_model(folder / "model")
    parser = [] if request.param is None else ["--", "--reasoning-parser", request.param]
    command = [
        *(sys.executable, "-m", "revloop", "serve", str(model), "--port", str(free_port())),
        *("--served-model-name", "chain", "--eager", "--log", str(folder / "server.log"), *parser),
    ]
    environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    try:
        announced = process.stdout.readline()
        assert announced, f"`revloop serve` did not come up; the log: {folder / 'server.log'}"
        yield announced.split()[-1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_S)
        process.stdout.close()


async def revised(base_url: str, tries: int, *, thinking: bool = True) -> Trajectory:
    """One round with so little room that the first tries are cut within the thought."""
    async with AsyncReviser(
        base_url=base_url,
        prompts="chat",
        critique_max_tokens=2,
        revision_max_tokens=3,
        tries=tries,
        thinking=thinking,
    ) as reviser:
        return await reviser.revise("A dull draft.", iterations=1)


async def test_a_thought_that_is_cut_is_a_token_limit_and_no_fault(base_url: str) -> None:
    done = await revised(base_url, tries=1)
    assert done.end is not None
    assert done.end.reason is StopReason.TOKEN_LIMIT
    (step,) = done.steps
    assert (step.retries, step.finish_reason) == (0, "length")
    assert step.thoughts is not None
    assert THOUGHT.startswith(step.thoughts.strip())


async def test_thoughts_are_kept_apart_and_get_more_room(base_url: str) -> None:
    done = await revised(base_url, tries=5)
    assert done.final == REVISION
    assert [step.thoughts for step in done.steps if step.refusal is None] == [THOUGHT] * 2
    assert [step.limit_tokens for step in done.steps][:2] == [2, 4]


async def test_a_model_that_is_told_not_to_think_does_not(base_url: str) -> None:
    done = await revised(base_url, tries=4, thinking=False)
    critique = done.versions[-1].critique
    assert critique is None or THOUGHT not in critique.raw
    assert not any(step.thoughts for step in done.steps)
