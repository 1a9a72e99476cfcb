"""The load and the counters of vLLM in this process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import anyio
import pytest

from revloop import PromptSet
from revloop.engines import Request, VllmEngine
from revloop.engines.metrics import Counters, ReportsCounters, ReportsLoad, ServerLoad
from revloop.trajectory import Draft, Sampling

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import EngineAtHand

pytestmark = pytest.mark.vllm

CNR = PromptSet.load("cnr")
DRAFT = Draft(prompt="Why is the grass green?", response="Because it likes to be. " * 12)


@pytest.fixture
def at_hand(engine_of: Callable[[str], EngineAtHand]) -> EngineAtHand:
    """The session's engine in this process."""
    return engine_of("vllm")


@pytest.fixture
def engine(at_hand: EngineAtHand) -> VllmEngine:
    """The same engine with its own type."""
    assert isinstance(at_hand.engine, VllmEngine)
    return at_hand.engine


def asked(tokens: int) -> Request:
    """A request for an exact number of tokens."""
    prompt = CNR.critique_prompt(DRAFT, DRAFT.response)
    return Request(prompt=prompt, sampling=Sampling(), max_tokens=tokens, exact=True)


def counted(at_hand: EngineAtHand, engine: VllmEngine, *requests: Request) -> Counters:
    """The engine's counters for requests sent one after the other."""

    async def count() -> Counters:
        before = await engine.counters()
        for request in requests:
            await engine.generate(request)
        return (await engine.counters()).since(before)

    return at_hand.portal.call(count)


@pytest.mark.usefixtures("engine")
def test_what_its_processes_are_told_does_not_stay_in_the_environment() -> None:
    assert not {"VLLM_LOGGING_LEVEL", "VLLM_ENABLE_V1_MULTIPROCESSING"} & os.environ.keys()


def test_tokens_are_counted(at_hand: EngineAtHand, engine: VllmEngine) -> None:
    prompt_tokens = engine.count_tokens(str(asked(1).prompt))
    found = counted(at_hand, engine, asked(9))
    assert (found.prompt_tokens, found.generated_tokens) == (prompt_tokens, 9)
    assert (found.speculations, found.accepted_tokens, found.preemptions) == (0, 0, 0)


def test_a_prompt_is_found_in_the_prefix_cache_until_that_is_emptied(
    at_hand: EngineAtHand, engine: VllmEngine
) -> None:
    counted(at_hand, engine, asked(2))
    again = counted(at_hand, engine, asked(2))
    assert 0.5 * again.prefix_cache_queries < again.prefix_cache_hits < again.prefix_cache_queries
    at_hand.portal.call(engine.reset_prefix_cache)
    assert counted(at_hand, engine, asked(2)).prefix_cache_hits == 0


def test_the_load_is_that_of_the_last_step(at_hand: EngineAtHand, engine: VllmEngine) -> None:
    assert isinstance(engine, ReportsLoad)
    assert isinstance(engine, ReportsCounters)

    async def busiest() -> ServerLoad:
        found = await engine.load()
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(engine.generate, asked(60))
            while found.running != 5:
                await anyio.sleep(0.001)
                found = await engine.load()
        return found

    busy = at_hand.portal.call(busiest)
    assert busy.waiting == 0
    assert busy.kv_cache_share is not None
    assert 0 < busy.kv_cache_share < 1
    assert at_hand.portal.call(engine.load).running == 0
