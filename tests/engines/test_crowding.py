"""A server that answers too late what is sent at once: `revloop.engines.crowding`."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from revloop.concurrency import task_group
from revloop.engines import Deadlines, RetryPolicy
from revloop.engines.crowding import Crowding
from revloop.errors import EngineGoneError, LateReplyError, UnreachableError
from tests.helpers.http_engines import ask, connected
from tests.helpers.slow_server import SlowServer
from tests.helpers.stub_server import COMPLETIONS, StubServer, hang

if TYPE_CHECKING:
    from revloop.engines import HttpEngine
    from revloop.errors import RevloopError

SERVER = "http://127.0.0.1:8000"
HURRIED = Deadlines(answer_s=0.3, token_s=0.0)


async def all_asked(engine: HttpEngine, requests: int) -> list[str | RevloopError]:
    """The texts, or the errors, of so many requests at once."""
    found: list[str | RevloopError] = []

    async def generate(number: int) -> None:
        try:
            found.append((await engine.generate(ask(f"Text {number}."))).text)
        except UnreachableError as exc:
            found.append(exc)

    async with task_group() as tasks:
        for number in range(requests):
            tasks.start_soon(generate, number)
    return found


async def be_late(crowding: Crowding, requests: int, *, answered: int = 0) -> None:
    """So many requests are late at once, after some that were answered in time."""

    sent = 0

    async def send() -> None:
        nonlocal sent
        with suppress(LateReplyError):
            async with crowding.place(1.0):
                sent += 1
                while sent < requests:
                    await anyio.lowlevel.checkpoint()
                raise LateReplyError("It did not answer.")

    for _ in range(answered):
        async with crowding.place(1.0):
            pass
    async with task_group() as tasks:
        for _ in range(requests):
            tasks.start_soon(send)


async def test_a_server_too_slow_for_many_at_once_is_sent_fewer_and_answers_them_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    policy = RetryPolicy(attempts=5, first_wait_s=0.01)
    async with (
        SlowServer(reply_s=0.05) as server,
        connected(server, deadlines=HURRIED, retries=policy) as engine,
    ):
        found = await all_asked(engine, 16)
    assert len(found) == 16
    assert all(isinstance(text, str) for text in found)
    (told,) = [text for text in caplog.messages if "requests were open" in text]
    assert told.startswith(f"{server.base_url} did not answer within 0.3 s while ")
    assert "choose a lower --max-concurrency" in told


async def test_requests_held_back_count_as_waiting_in_the_server(server: StubServer) -> None:
    server.on(COMPLETIONS, hang())
    async with connected(server) as engine, task_group() as tasks:
        await be_late(engine.transport.crowding, 16)
        tasks.start_soon(all_asked, engine, 5)
        await anyio.wait_all_tasks_blocked()
        load = await engine.load()
        tasks.cancel_scope.cancel()
    assert (load.running, load.waiting) == (2, 3)


async def test_nobody_waits_in_line_for_a_server_that_answers_nothing(server: StubServer) -> None:
    server.on(COMPLETIONS, hang())
    policy = RetryPolicy(attempts=9, first_wait_s=0, wait_for_server_s=0.5)
    deadlines = Deadlines(answer_s=0.2, token_s=0.0)
    held_back: list[int] = []

    async def generate() -> None:
        with pytest.raises(EngineGoneError, match=r"^The server answered nothing for "):
            await engine.generate(ask())
        held_back.append(engine.transport.crowding.waiting)

    async with connected(server, deadlines=deadlines, retries=policy) as engine:
        async with task_group() as tasks:
            for _ in range(16):
                tasks.start_soon(generate)
        assert held_back == [0] * 16


async def test_a_request_that_is_late_alone_is_told_to_be_shorter(
    server: StubServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.on(COMPLETIONS, hang())
    async with connected(server, deadlines=HURRIED) as engine:
        (failed,) = await all_asked(engine, 1)
    assert isinstance(failed, LateReplyError)
    (told,) = [text for text in caplog.messages if "no other request" in text]
    assert "shorter replies may come in time: --critique-max-tokens" in told


class TestCrowding:
    async def test_without_any_reply_in_time_an_eighth_is_sent_at_once(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        await be_late(Crowding(SERVER), 32)
        assert "while 32 requests were open. Now at most 4 are sent" in caplog.text

    async def test_where_some_replies_come_in_time_half_as_many_are_sent(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        await be_late(Crowding(SERVER), 32, answered=1)
        assert "while 32 requests were open. Now at most 16 are sent" in caplog.text

    async def test_more_are_sent_at_once_while_replies_come_early(self) -> None:
        crowding = Crowding(SERVER)
        await be_late(crowding, 8)
        assert await most_open(crowding) == 1
        async with crowding.place(1e9):
            pass
        assert await most_open(crowding) == 2

    async def test_late_replies_do_not_make_it_more(self) -> None:
        crowding = Crowding(SERVER)
        await be_late(crowding, 8)
        async with crowding.place(0.0):
            pass
        assert await most_open(crowding) == 1

    async def test_it_is_told_once(self, caplog: pytest.LogCaptureFixture) -> None:
        crowding = Crowding(SERVER)
        await be_late(crowding, 64)
        await be_late(crowding, 8)
        assert len([one for one in caplog.records if one.levelno == logging.WARNING]) == 1

    async def test_if_a_request_is_late_alone_nothing_is_held_back(self) -> None:
        crowding = Crowding(SERVER)
        await be_late(crowding, 8)
        await be_late(crowding, 1)
        assert await most_open(crowding, of=9) == 9


async def most_open(crowding: Crowding, of: int = 4) -> int:
    """How many of some requests are open at once."""

    async def hold() -> None:
        async with crowding.place(0.0):
            await anyio.sleep_forever()

    async with task_group() as tasks:
        for _ in range(of):
            tasks.start_soon(hold)
        await anyio.wait_all_tasks_blocked()
        found = crowding.open
        tasks.cancel_scope.cancel()
    return found
