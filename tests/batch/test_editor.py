"""A batch with an editor: both engines are kept full, and neither holds up the other."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel

from revloop import AsyncReviser, Draft, StopReason
from revloop.batch import Progress
from revloop.batch.failures import IS_GONE_AFTER
from revloop.batch.workers import Workers
from revloop.errors import UnreachableError
from revloop.options import Concurrency
from revloop.trajectory import EngineInfo, Verdict
from tests.helpers.judges import RuleJudge, always_first
from tests.helpers.scripted_engine import ScriptedEngine, cnr_critique

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from revloop import Trajectory
    from revloop.engines.base import Completion, Request

EDITOR = EngineInfo(kind="scripted", model="editor", version="1")


class Counting(ScriptedEngine):
    """Counts the requests that are inside, and lets none out before it is opened."""

    def __init__(self, reply: Any, info: EngineInfo | None = None) -> None:
        super().__init__(reply, info=info)
        self.inside, self.open, self.arrival = 0, anyio.Event(), anyio.Condition()

    async def generate(self, request: Request) -> Completion:
        async with self.arrival:
            self.inside += 1
            self.arrival.notify_all()
        await self.open.wait()
        try:
            return await super().generate(request)
        finally:
            self.inside -= 1

    async def until_inside(self, number: int) -> None:
        async with self.arrival:
            while self.inside < number:
                await self.arrival.wait()


class Ends(list["tuple[Trajectory, str | None]"]):
    async def add(self, trajectory: Trajectory, gone: str | None) -> None:
        self.append((trajectory, gone))


@asynccontextmanager
async def working(
    critic: ScriptedEngine, editor: ScriptedEngine, most: int = 4
) -> AsyncIterator[tuple[AsyncReviser, Workers]]:
    async with AsyncReviser(engine=critic, editor=editor) as reviser:
        bounds, progress = Concurrency(1, most), Progress()
        yield reviser, Workers(reviser, iterations=1, bounds=bounds, progress=progress)


async def test_each_engine_gets_as_many_requests_as_it_may_hold() -> None:
    critic = Counting(lambda _: cnr_critique())
    editor = Counting(lambda _: "better", info=EDITOR)
    critic.open.set()
    ended = Ends()
    async with working(critic, editor) as (reviser, workers), workers.running():
        for number in range(4):
            await workers.start(await reviser.begin(Draft(id=number, response="a")), ended.add)
        await editor.until_inside(4)  # it is full, and answers nothing
        critic.open = anyio.Event()
        for number in range(4, 8):
            await workers.start(await reviser.begin(Draft(id=number, response="a")), ended.add)
        await critic.until_inside(4)
        assert (critic.inside, editor.inside) == (4, 4)
        critic.open.set()
        editor.open.set()
    assert [trajectory.final for trajectory, _ in ended] == ["better"] * 8


async def test_the_critic_goes_on_while_the_editor_is_away() -> None:
    critic = ScriptedEngine(lambda _: cnr_critique())
    editor = Counting(lambda _: "better", info=EDITOR)
    ended = Ends()
    async with working(critic, editor, most=2) as (reviser, workers), workers.running():
        for number in range(4):
            await workers.start(await reviser.begin(Draft(id=number, response="a")), ended.add)
        while len(critic.requests) < 4:
            await anyio.lowlevel.checkpoint()
        assert editor.inside <= 2
        editor.open.set()
    assert len(ended) == 4


class HoldingJudge(RuleJudge):
    """A judge behind a server, which answers nothing before it is opened."""

    def __init__(self) -> None:
        super().__init__(always_first)
        self.open = anyio.Event()

    def waiting(self) -> None:
        return None

    async def judge(self, prompt: str, first: str, second: str) -> Verdict:
        await self.open.wait()
        return await super().judge(prompt, first, second)


async def test_the_engine_is_kept_full_while_a_judge_holds_as_many_drafts() -> None:
    engine = Counting(lambda request: cnr_critique() if request.stop else "better")
    judge, ended, progress = HoldingJudge(), Ends(), Progress()
    engine.open.set()
    async with AsyncReviser(engine=engine, judge=judge, keep="gate") as reviser:
        bounds = Concurrency(1, 4)
        workers = Workers(reviser, iterations=1, bounds=bounds, progress=progress)
        async with workers.running():
            for number in range(4):
                await workers.start(await reviser.begin(Draft(id=number, response="a")), ended.add)
            while len(engine.requests) < 8:
                await anyio.lowlevel.checkpoint()
            engine.open = anyio.Event()
            for number in range(4, 8):
                await workers.start(await reviser.begin(Draft(id=number, response="a")), ended.add)
            await engine.until_inside(4)
            engine.open.set()
            judge.open.set()
    assert len(ended) == 8


async def test_a_round_that_the_critic_began_is_finished_by_the_editor_after_a_stop() -> None:
    critic = ScriptedEngine(lambda _: cnr_critique())
    editor = Counting(lambda _: "better", info=EDITOR)
    ended, told = Ends(), Progress()
    async with AsyncReviser(engine=critic, editor=editor) as reviser:
        workers = Workers(reviser, iterations=3, bounds=Concurrency(1, 4), progress=told)
        trajectory = await reviser.begin(Draft(response="a"))
        async with workers.running():
            await workers.start(trajectory, ended.add)
            await editor.until_inside(1)
            workers.stop()
            editor.open.set()
    assert [version.text for version in trajectory.versions] == ["a", "better"]
    assert len(critic.requests) == 1


async def test_an_editor_that_fails_always_ends_the_batch_though_the_critic_answers() -> None:
    critic = ScriptedEngine(lambda _: cnr_critique())
    editor = ScriptedEngine(lambda _: UnreachableError("nobody there"), info=EDITOR)
    ended = Ends()
    async with working(critic, editor) as (reviser, workers), workers.running():
        for number in range(IS_GONE_AFTER):
            await workers.start(await reviser.begin(Draft(id=number, response="a")), ended.add)
    ends = [trajectory.end for trajectory, _ in ended]
    assert {end.reason for end in ends if end is not None} == {StopReason.ENGINE_FAILED}
    gone = [sentence for _, sentence in ended if sentence is not None]
    assert len(gone) == 1
    assert "nobody there" in gone[0]
