"""Requests wait in order for rate limits, before a server has to refuse them."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

import pytest

from revloop.engines.factory import open_engine
from revloop.engines.http import HttpEngine
from revloop.engines.rate_limit import RateLimits
from revloop.engines.rate_limiter import RateLimiter
from revloop.engines.retry import RetryPolicy
from revloop.errors import UnreachableError
from revloop.options import EngineOptions
from tests.helpers.clocks import Clock
from tests.helpers.http_engines import BRIEF, ONCE, ask, connected
from tests.helpers.rate_limited_server import Meter, time_passes
from tests.helpers.repository import TINY_CRITIC
from tests.helpers.stub_server import COMPLETIONS, StubServer, completion, error, hang

if TYPE_CHECKING:
    from collections.abc import Callable

BODY = {"prompt": "x" * 36}
PATIENT = RetryPolicy(attempts=20, first_wait_s=0)


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def generate(engine: HttpEngine, *, requests: int, concurrency: int) -> None:
    free = asyncio.Semaphore(concurrency)

    async def one() -> None:
        async with free:
            await engine.generate(ask())

    async with asyncio.TaskGroup() as tasks:
        for _ in range(requests):
            tasks.create_task(one())


class TestAServerThatEnforcesALimit:
    @pytest.mark.parametrize(
        ("enforced", "given"),
        [
            ({"rpm": 10}, {}),
            ({"tpm": 500}, {}),
            ({"rpm": 10, "tpm": 1000}, {}),
            ({"rpm": 10, "tells": False}, {"rpm": 10}),
            ({"tpm": 500, "tells": False}, {"tpm": 500}),
            ({"rpm": 10}, {"rpm": 10}),
        ],
        ids=["rpm told", "tpm told", "both told", "rpm given", "tpm given", "rpm told and given"],
    )
    async def test_refuses_no_request_of_32_at_once(
        self, enforced: dict[str, Any], given: dict[str, int]
    ) -> None:
        clock = Clock()
        meter = Meter(clock, **enforced)
        async with StubServer() as server:
            server.on(COMPLETIONS, meter)
            limits = RateLimits(**given, now=clock)
            async with (
                connected(server, limits=limits) as engine,
                time_passes(clock, engine.transport.limiter),
            ):
                await engine.generate(ask())  # the first reply tells the limits
                await generate(engine, requests=80, concurrency=32)
            assert meter.refused == 0
            assert len(server.asked(COMPLETIONS)) == 81
        assert clock.now_s > 60

    async def test_would_refuse_them_without_the_limiter(self) -> None:
        clock = Clock()
        meter = Meter(clock, rpm=10, tells=False)
        async with StubServer() as server:
            server.on(COMPLETIONS, meter)
            async with connected(server, retries=ONCE) as engine:
                with pytest.raises(ExceptionGroup):
                    await generate(engine, requests=11, concurrency=11)
        assert meter.refused == 1

    async def test_gets_all_that_it_allows(self) -> None:
        clock = Clock()
        async with StubServer() as server:
            server.on(COMPLETIONS, Meter(clock, rpm=30))
            async with (
                connected(server, limits=RateLimits(now=clock)) as engine,
                time_passes(clock, engine.transport.limiter),
            ):
                await engine.generate(ask())
                await generate(engine, requests=149, concurrency=32)
        assert clock.now_s < 60 * math.ceil(150 / 30) * 1.1


class TestRetryAfter:
    async def test_holds_all_requests_back(self) -> None:
        clock = Clock()
        async with StubServer() as server:
            busy = error(429, headers={"retry-after-ms": "100", "Retry-After": "1"})
            server.on(COMPLETIONS, busy, completion())
            async with connected(server, retries=PATIENT, limits=RateLimits(now=clock)) as engine:
                first = asyncio.create_task(engine.generate(ask()))
                await until(lambda: engine.transport.limiter.limits.wait_s(1) > 0)
                second = asyncio.create_task(engine.generate(ask()))
                await until(lambda: engine.held_back() == 2)
                assert len(server.asked(COMPLETIONS)) == 1
                clock.now_s += 0.1
                engine.transport.limiter.recheck()
                assert (await first).retries == 1
                assert (await second).retries == 0

    async def test_is_obeyed_no_longer_than_the_policys_longest_wait(self) -> None:
        policy = RetryPolicy(attempts=2, first_wait_s=0, longest_wait_s=0.01)
        async with StubServer() as server:
            server.on(COMPLETIONS, error(429, headers={"Retry-After": "3600"}), completion())
            async with connected(server, retries=policy) as engine:
                assert (await engine.generate(ask())).retries == 1


class TestWaiting:
    async def test_takes_nothing_of_a_requests_deadline(self) -> None:
        clock = Clock()
        async with StubServer() as server:
            limits = RateLimits(rpm=1, now=clock)
            async with connected(server, limits=limits, retries=ONCE, deadlines=BRIEF) as engine:
                await engine.generate(ask())
                waits = asyncio.create_task(engine.generate(ask()))
                await until(lambda: engine.held_back() == 1)
                await asyncio.sleep(BRIEF.answer_s * 2)
                clock.now_s += 100
                engine.transport.limiter.recheck()
                assert (await waits).retries == 0
                assert engine.transport.outage.away_s is None
                assert engine.transport.refused == 0

    async def test_is_first_come_first_served(self) -> None:
        clock = Clock()
        limiter = RateLimiter(RateLimits(rpm=1, now=clock))
        order = list[int]()

        async def enter(number: int) -> None:
            limiter.leave(await limiter.enter(BODY, 1))
            order.append(number)

        async with time_passes(clock, limiter), asyncio.TaskGroup() as tasks:
            for number in range(20):
                tasks.create_task(enter(number))
        assert order == list(range(20))

    async def test_a_small_request_does_not_overtake_a_large_one(self) -> None:
        clock = Clock()
        limiter = RateLimiter(RateLimits(tpm=100, now=clock))
        limiter.leave(await limiter.enter(BODY, 41))
        large = asyncio.create_task(limiter.enter(BODY, 81))
        await until(lambda: limiter.waiting == 1)
        small = asyncio.create_task(limiter.enter(BODY, 1))
        await until(lambda: limiter.waiting == 2)
        assert not small.done()
        async with time_passes(clock, limiter):
            limiter.leave(await large)
            await small

    async def test_a_cancelled_request_gives_its_place_back(self) -> None:
        clock = Clock()
        limiter = RateLimiter(RateLimits(rpm=1, now=clock))
        limiter.leave(await limiter.enter(BODY, 1))
        waits = [asyncio.create_task(limiter.enter(BODY, 1)) for _ in range(3)]
        await until(lambda: limiter.waiting == 3)
        for cancelled in waits[:2]:
            cancelled.cancel()
        await until(lambda: limiter.waiting == 1)
        clock.now_s += 61.2
        limiter.recheck()
        assert (await waits[2]).number == 2

    async def test_ends_when_a_reply_has_used_less_than_estimated(self) -> None:
        clock = Clock()
        async with StubServer() as server:
            limits = RateLimits(tpm=70, now=clock)
            async with connected(server, limits=limits) as engine:
                await generate(engine, requests=4, concurrency=4)  # 32 estimated, 10 used
        assert clock.now_s == 0


class TestFailures:
    async def test_a_request_that_was_given_up_is_no_longer_under_way(self) -> None:
        async with StubServer() as server:
            server.on(COMPLETIONS, hang())
            async with connected(server, retries=ONCE, deadlines=BRIEF) as engine:
                with pytest.raises(UnreachableError, match="did not answer"):
                    await engine.generate(ask())
                assert engine.transport.limiter.limits.in_flight == 0

    async def test_a_server_that_is_away_uses_up_no_limit(self) -> None:
        # the first try may be sent over a connection that is just being closed
        policy = RetryPolicy(attempts=5, first_wait_s=0)
        async with StubServer() as server:
            engine = await HttpEngine.connect(
                server.base_url, retries=policy, limits=RateLimits(rpm=2, now=Clock())
            )
        try:
            with pytest.raises(UnreachableError, match="cannot be reached"):
                await engine.generate(ask())
            assert engine.transport.limiter.limits.wait_s(1) == 0
        finally:
            await engine.aclose()


async def test_the_options_limit_requests() -> None:
    async with StubServer() as server:
        options = EngineOptions(base_url=server.base_url, rpm=1, tpm=1000)
        engine = await open_engine(options, shipped_critic=TINY_CRITIC)
        assert isinstance(engine, HttpEngine)
        try:
            await engine.generate(ask())
            assert engine.transport.limiter.limits.wait_s(1) > 0
        finally:
            await engine.aclose()
