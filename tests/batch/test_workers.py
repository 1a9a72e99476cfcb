"""Trajectories started one by one: shared if equal, refused after a stop, counted if they fail."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from revloop import AsyncReviser, Draft, StopReason, StoreError
from revloop.batch import Progress
from revloop.batch.failures import IS_GONE_AFTER
from revloop.batch.lockstep import HaltedError
from revloop.batch.workers import Workers
from revloop.errors import UnreachableError
from revloop.options import Concurrency
from tests.helpers.scripted_engine import ScriptedEngine, cnr_rounds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from revloop import Trajectory
    from revloop.engines.base import Completion, Request

DRAFT = Draft(id="d", response="a")


class Ended(list[tuple["Trajectory", "str | None"]]):
    """What the workers hand to ``on_end``."""

    async def add(self, trajectory: Trajectory, gone: str | None) -> None:
        self.append((trajectory, gone))


@asynccontextmanager
async def working(engine: ScriptedEngine, most: int = 8) -> AsyncIterator[tuple[Any, Workers]]:
    async with AsyncReviser(engine=engine) as reviser:
        bounds = Concurrency(1, most)
        yield reviser, Workers(reviser, iterations=1, bounds=bounds, progress=Progress())


async def test_equal_drafts_are_revised_once_and_each_gets_the_trajectory() -> None:
    engine, ended = ScriptedEngine(cnr_rounds("b")), Ended()
    async with working(engine) as (reviser, workers), workers.running():
        for _ in range(3):
            await workers.start(await reviser.begin(DRAFT), ended.add)
    assert len(engine.requests) == 2
    assert [(trajectory.final, gone) for trajectory, gone in ended] == [("b", None)] * 3


async def test_no_more_trajectories_are_under_way_than_allowed() -> None:
    ended, under_way = Ended(), []
    engine = ScriptedEngine(lambda _: "no form")
    async with working(engine, most=2) as (reviser, workers), workers.running():
        for number in range(10):
            draft = Draft(id=number, response="a")
            await workers.start(await reviser.begin(draft), ended.add)
            under_way.append(number + 1 - len(ended))
    assert max(under_way) == 2
    assert len(ended) == 10


async def test_after_a_stop_nothing_is_started() -> None:
    async with working(ScriptedEngine([])) as (reviser, workers):
        trajectory, ended = await reviser.begin(DRAFT), Ended()
        with pytest.raises(HaltedError):
            await workers.start(trajectory, ended.add)  # not running yet
        async with workers.running():
            workers.stop()
            await anyio.sleep_forever()
        with pytest.raises(HaltedError):
            await workers.start(trajectory, ended.add)
    assert ended == []


async def test_an_error_of_the_block_is_raised_after_the_rounds_in_flight() -> None:
    sent, ended = anyio.Event(), Ended()

    class Slow(ScriptedEngine):
        async def generate(self, request: Request) -> Completion:
            sent.set()
            await anyio.sleep(0.02)
            return await super().generate(request)

    async def work() -> None:
        async with working(Slow(cnr_rounds("b"))) as (reviser, workers), workers.running():
            await workers.start(await reviser.begin(DRAFT), ended.add)
            await sent.wait()
            raise StoreError("the disk is full")

    with pytest.raises(StoreError, match="the disk is full"):
        await work()
    assert [trajectory.final for trajectory, _ in ended] == ["b"]


async def test_too_many_failures_in_a_row_are_reported_with_the_trajectory() -> None:
    engine, ended = ScriptedEngine(lambda _: UnreachableError("gone")), Ended()
    async with working(engine, most=1) as (reviser, workers), workers.running():
        for number in range(IS_GONE_AFTER):
            await workers.start(await reviser.begin(Draft(id=number, response="a")), ended.add)
    reports = [gone for _, gone in ended]
    assert reports[:-1] == [None] * (IS_GONE_AFTER - 1)
    assert reports[-1] is not None
    assert "The engine failed 20 times in a row" in reports[-1]
    assert {t.end.reason for t, _ in ended if t.end} == {StopReason.ENGINE_FAILED}
