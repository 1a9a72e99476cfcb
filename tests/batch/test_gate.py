"""How many requests are under way, and which goes first."""

from __future__ import annotations

import asyncio

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.batch.gate import (
    Gate,
    GatedEngine,
    Priority,
    first_limit,
    next_limit,
)
from revloop.batch.lockstep import HaltedError
from revloop.engines import Request
from revloop.engines.metrics import ServerLoad
from revloop.errors import InputError
from revloop.options import Concurrency
from revloop.trajectory import OpenTrajectory, Sampling
from tests.helpers.scripted_engine import ScriptedEngine
from tests.store.test_store import DRAFT, version

BOUNDS = Concurrency(4, 512)
QUIET = ServerLoad(refused=0, running=30, waiting=0, kv_cache_share=0.3)
FRESH = Priority(0)
REQUEST = Request(prompt="?", sampling=Sampling(), max_tokens=5)

loads = st.builds(
    ServerLoad,
    refused=st.integers(0, 5),
    running=st.none() | st.integers(0, 2000),
    waiting=st.none() | st.integers(0, 2000),
    kv_cache_share=st.none() | st.floats(0, 1),
)


class TestFirstLimit:
    def test_the_first_limit_is_what_the_kv_cache_holds(self) -> None:
        load = ServerLoad(refused=0, kv_cache_tokens=524_288)
        assert first_limit(BOUNDS, load, 2048) == 256
        assert first_limit(BOUNDS, load, 512) == 512
        assert first_limit(BOUNDS, load, 2**20) == 4

    def test_a_server_that_does_not_tell_its_size_is_met_with_caution(self) -> None:
        assert first_limit(BOUNDS, ServerLoad(refused=0), 2048) == 32
        assert first_limit(BOUNDS, ServerLoad(refused=0, kv_cache_tokens=524_288), None) == 32

    def test_an_engine_that_tells_nothing_gets_all(self) -> None:
        assert first_limit(BOUNDS, None, 2048) == 512


class TestNextLimit:
    @given(limit=st.integers(4, 512), before=loads, now=loads, wanted=st.booleans())
    def test_it_never_leaves_its_bounds(
        self, limit: int, before: ServerLoad, now: ServerLoad, wanted: bool
    ) -> None:
        assert 4 <= next_limit(limit, BOUNDS, before, now, wanted=wanted) <= 512

    def test_a_refusal_halves_it(self) -> None:
        refused = ServerLoad(refused=1)
        assert next_limit(100, BOUNDS, ServerLoad(refused=0), refused, wanted=True) == 50
        assert next_limit(100, BOUNDS, refused, refused, wanted=True) == 125

    def test_a_queue_in_the_engine_lowers_it_by_half_of_the_excess(self) -> None:
        busy = ServerLoad(refused=0, running=32, waiting=28)
        assert next_limit(60, BOUNDS, QUIET, busy, wanted=True) == 50  # 8 may wait

    def test_requests_that_keep_waiting_are_subtracted_only_once(self) -> None:
        """An engine for 128 requests got 320: the queue takes time to shrink."""
        limit, still_full = 320, ServerLoad(refused=0, running=128, waiting=192)
        for _ in range(20):
            limit = next_limit(limit, BOUNDS, still_full, still_full, wanted=False)
        assert limit == 128 + 4 + 16
        assert next_limit(100, BOUNDS, still_full, still_full, wanted=False) == 100

    def test_it_settles_where_the_engine_is_full(self) -> None:
        limit = 32
        for _ in range(50):
            running = min(limit, 100)
            load = ServerLoad(refused=0, running=running, waiting=limit - running)
            limit = next_limit(limit, BOUNDS, load, load, wanted=True)
        assert 100 <= limit <= 150

    def test_it_grows_while_all_places_are_taken(self) -> None:
        assert next_limit(32, BOUNDS, QUIET, QUIET, wanted=True) == 40
        assert next_limit(4, BOUNDS, QUIET, QUIET, wanted=True) == 8
        assert next_limit(32, BOUNDS, QUIET, QUIET, wanted=False) == 32

    def test_it_does_not_grow_when_the_kv_cache_is_full(self) -> None:
        full = ServerLoad(refused=0, running=30, waiting=0, kv_cache_share=0.97)
        assert next_limit(32, BOUNDS, QUIET, full, wanted=True) == 32

    @pytest.mark.parametrize(("least", "most"), [(0, 5), (6, 5)])
    def test_bounds_out_of_order_are_refused(self, least: int, most: int) -> None:
        with pytest.raises(InputError, match="the least must be"):
            Concurrency(least, most)


class TestGate:
    async def test_the_limit_is_never_exceeded(self) -> None:
        gate, most = Gate(3), 0

        async def one() -> None:
            nonlocal most
            async with gate.turn(FRESH):
                most = max(most, gate.inside)
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(one)
        assert (most, gate.inside) == (3, 0)

    async def test_those_near_their_end_go_first_and_else_who_came_first(self) -> None:
        gate, order = Gate(1), list[str]()

        async def one(name: str, rounds_done: int) -> None:
            async with gate.turn(Priority(rounds_done)):
                order.append(name)

        async with anyio.create_task_group() as tasks, gate.turn(FRESH):
            for name, rounds in (("fresh", 0), ("third", 3), ("fourth", 4), ("third, too", 3)):
                tasks.start_soon(one, name, rounds)
            await anyio.wait_all_tasks_blocked()
        assert order == ["fourth", "third", "third, too", "fresh"]

    async def test_a_begun_round_goes_first(self) -> None:
        """The blocks of its prompt are still in the engine's cache."""
        gate, order = Gate(1), list[str]()

        async def one(name: str, priority: Priority) -> None:
            async with gate.turn(priority):
                order.append(name)

        async with anyio.create_task_group() as tasks, gate.turn(FRESH):
            tasks.start_soon(one, "near its end", Priority(4))
            tasks.start_soon(one, "begun", Priority(0, mid_round=True))
            await anyio.wait_all_tasks_blocked()
        assert order == ["begun", "near its end"]

    async def test_once_all_are_here_those_with_most_to_do_go_first(self) -> None:
        """They would end late and alone; queued requests are reordered too."""
        gate, order = Gate(1), list[str]()

        async def one(name: str, priority: Priority) -> None:
            async with gate.turn(priority):
                order.append(name)

        async with anyio.create_task_group() as tasks, gate.turn(FRESH):
            tasks.start_soon(one, "one round", Priority(4, rounds_left=1, size=100))
            tasks.start_soon(one, "two rounds", Priority(3, rounds_left=2, size=100))
            tasks.start_soon(one, "five rounds", Priority(0, rounds_left=5, size=100))
            await anyio.wait_all_tasks_blocked()
            gate.input_ended()
            tasks.start_soon(one, "one long round", Priority(4, rounds_left=1, size=300))
            await anyio.wait_all_tasks_blocked()
        assert order == ["five rounds", "one long round", "two rounds", "one round"]

    async def test_a_higher_limit_lets_those_in_that_wait(self) -> None:
        gate, done = Gate(1), anyio.Event()

        async def one() -> None:
            async with gate.turn(FRESH):
                await done.wait()

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(one)
            await anyio.wait_all_tasks_blocked()
            assert gate.inside == 1
            gate.allow(4)
            await anyio.wait_all_tasks_blocked()
            assert gate.inside == 4
            gate.allow(2)  # those inside stay
            assert gate.inside == 4
            done.set()
        assert gate.inside == 0

    async def test_who_gives_up_waiting_takes_no_place(self) -> None:
        gate = Gate(1)
        async with gate.turn(FRESH):
            waiting = asyncio.ensure_future(gate.turn(FRESH).__aenter__())
            await anyio.wait_all_tasks_blocked()
            waiting.cancel()
            await asyncio.wait([waiting])
        assert gate.inside == 0
        async with gate.turn(FRESH):
            assert gate.inside == 1

    async def test_who_gives_up_in_the_moment_of_its_turn_gives_the_place_back(self) -> None:
        gate = Gate(1)
        turn = gate.turn(FRESH)
        await turn.__aenter__()
        waiting = asyncio.ensure_future(gate.turn(FRESH).__aenter__())
        await anyio.wait_all_tasks_blocked()
        await turn.__aexit__(None, None, None)  # its turn has come, but the task has not resumed
        waiting.cancel()
        await asyncio.wait([waiting])
        assert gate.inside == 0


class TestGatedEngine:
    async def test_a_closed_gate_lets_a_round_be_finished_but_none_begin(self) -> None:
        gate, engine = Gate(1), ScriptedEngine(lambda _: "text")
        trajectory = OpenTrajectory("t", DRAFT, [version(number) for number in range(3)])
        gated = GatedEngine(engine, gate, trajectory, iterations=5)
        await gated.generate(REQUEST)
        gate.close()
        await gated.generate(REQUEST)  # the revision of the same round
        await trajectory.append(version(3))
        with pytest.raises(HaltedError):
            await gated.generate(REQUEST)
        assert len(engine.requests) == 2
        assert gate.inside == 0

    async def test_requests_waiting_to_begin_a_round_are_refused_when_the_gate_closes(self) -> None:
        gate, turned_away = Gate(1), list[int]()

        async def begin(number: int) -> None:
            engine = GatedEngine(ScriptedEngine([]), gate, OpenTrajectory("t", DRAFT), iterations=5)
            try:
                await engine.generate(REQUEST)
            except HaltedError:
                turned_away.append(number)

        async with anyio.create_task_group() as tasks, gate.turn(FRESH):
            for number in range(3):
                tasks.start_soon(begin, number)
            await anyio.wait_all_tasks_blocked()
            gate.close()
        assert sorted(turned_away) == [0, 1, 2]
        assert gate.inside == 0

    async def test_it_has_its_engines_info_and_context(self) -> None:
        engine = ScriptedEngine([], context_tokens=99)
        gated = GatedEngine(engine, Gate(1), OpenTrajectory("t", DRAFT), iterations=5)
        assert (gated.info, gated.context_tokens) == (engine.info, 99)
        assert gated.count_tokens("two words") == 2
        await gated.aclose()
        assert not engine.is_closed
