"""Whether a fault is due to the request, the server or the run: `revloop.engines.blame`."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from revloop.engines import RetryPolicy
from revloop.errors import (
    AuthenticationError,
    ContextFullError,
    EngineError,
    EngineGoneError,
    QuotaError,
    RejectedError,
    RepeatedFaultError,
    ServerFaultError,
    WrongAddressError,
)
from revloop.trajectory import Message
from tests.helpers.http_engines import ask, connected
from tests.helpers.stub_server import (
    CHAT,
    COMPLETIONS,
    TEXT,
    StubServer,
    answer,
    chat_completion,
    completion,
    error,
)

if TYPE_CHECKING:
    from aiohttp import web

    from tests.helpers.stub_server import Behaviour

AT_ONCE = RetryPolicy(attempts=20, first_wait_s=0)
WAITING = RetryPolicy(attempts=20, first_wait_s=0, wait_for_server_s=0.05)
HTML = answer("<html>Welcome to nginx!</html>")
BAD = "the bad row"


def only_bad_rows(behaviour: Behaviour, good: Behaviour) -> Behaviour:
    """One behaviour for requests of the bad row, another for all others."""

    async def behave(request: web.Request) -> web.StreamResponse:
        return await (behaviour if BAD in await request.text() else good)(request)

    return behave


def asked(server: StubServer, words: str, path: str = COMPLETIONS) -> int:
    return sum(words in json.dumps(request.body) for request in server.asked(path))


async def failure(server: StubServer, behaviour: Behaviour, **options: Any) -> Exception:
    """The error of a bad row after a good one was answered."""
    server.on(COMPLETIONS, only_bad_rows(behaviour, completion()))
    async with connected(server, **({"retries": AT_ONCE} | options)) as engine:
        await engine.generate(ask())
        with pytest.raises((EngineError, EngineGoneError)) as caught:
            await engine.generate(ask(BAD))
    return caught.value


@pytest.mark.parametrize("behaviour", [error(500, "CUDA error."), HTML], ids=["500", "html"])
async def test_a_request_that_breaks_the_server_each_time_is_given_up_after_a_few_tries(
    server: StubServer, behaviour: Behaviour
) -> None:
    fault = await failure(server, behaviour)
    assert type(fault) is RepeatedFaultError
    assert "This happened 5 times, while other requests were answered" in str(fault)
    assert asked(server, BAD) == 5


async def test_answers_to_others_are_evidence_enough(server: StubServer) -> None:
    """No small request is sent while the server is busy with others."""
    server.on(COMPLETIONS, only_bad_rows(error(500), completion()))
    async with connected(server, retries=RetryPolicy(attempts=20, first_wait_s=0.02)) as engine:
        bad = asyncio.create_task(engine.generate(ask(BAD)))
        while not bad.done():
            await engine.generate(ask())
        with pytest.raises(RepeatedFaultError):
            await bad
    assert (asked(server, BAD), asked(server, "Hello.")) == (5, 0)


async def test_a_small_request_tells_where_nothing_else_does(server: StubServer) -> None:
    await failure(server, error(500))
    assert asked(server, "Hello.") == 1
    small = next(r.body for r in server.asked(COMPLETIONS) if r.body["prompt"] == "Hello.")
    assert small["max_tokens"] == 1
    assert small["temperature"] == 0


async def test_the_small_request_is_of_the_same_kind(server: StubServer) -> None:
    server.on(CHAT, only_bad_rows(error(500), chat_completion()))
    async with connected(server, retries=AT_ONCE) as engine:
        with pytest.raises(RepeatedFaultError):
            await engine.generate(ask((Message(role="user", content=BAD),)))
    assert asked(server, "Hello.", CHAT) == 1
    assert server.asked(COMPLETIONS) == []


async def test_many_bad_rows_at_once_share_what_small_requests_tell(server: StubServer) -> None:
    server.on(COMPLETIONS, only_bad_rows(error(500), completion()))
    async with connected(server, retries=AT_ONCE) as engine, asyncio.TaskGroup() as group:

        async def one(number: int) -> None:
            with pytest.raises(RepeatedFaultError):
                await engine.generate(ask(f"{BAD} {number}"))

        for number in range(20):
            group.create_task(one(number))
    assert asked(server, BAD) == 100
    assert asked(server, "Hello.") < 20


@pytest.mark.parametrize("behaviour", [error(500), HTML], ids=["500", "html"])
async def test_a_server_that_fails_on_everything_is_told_from_one_bad_row(
    server: StubServer, behaviour: Behaviour
) -> None:
    server.on(COMPLETIONS, behaviour)
    async with connected(server, retries=AT_ONCE) as engine:
        with pytest.raises(
            WrongAddressError, match=r"This happened 5 times, and with a small request too"
        ):
            await engine.generate(ask())
    assert len(server.asked(COMPLETIONS)) == 5 + 1


@pytest.mark.parametrize("behaviour", [error(500), HTML], ids=["500", "html"])
async def test_a_server_that_begins_to_fail_on_everything_is_waited_for(
    server: StubServer, behaviour: Behaviour
) -> None:
    faults = [behaviour] * 60
    server.on(COMPLETIONS, completion(), *faults, completion())
    policy = RetryPolicy(attempts=20, first_wait_s=0, wait_for_server_s=60)
    async with connected(server, retries=policy) as engine:
        await engine.generate(ask())
        assert (await engine.generate(ask(BAD))).text == TEXT


@pytest.mark.parametrize("behaviour", [error(500), HTML], ids=["500", "html"])
async def test_a_server_that_goes_on_failing_on_everything_is_given_up(
    server: StubServer, behaviour: Behaviour
) -> None:
    server.on(COMPLETIONS, completion(), behaviour)
    policy = RetryPolicy(attempts=20, first_wait_s=0.01, wait_for_server_s=0.2)
    async with connected(server, retries=policy) as engine:
        await engine.generate(ask())
        with pytest.raises(EngineGoneError, match="was unreachable for"):
            await engine.generate(ask(BAD))


async def test_without_a_wait_it_has_its_tries(server: StubServer) -> None:
    server.on(COMPLETIONS, completion(), error(500))
    policy = RetryPolicy(attempts=8, first_wait_s=0)
    async with connected(server, retries=policy) as engine:
        await engine.generate(ask())
        with pytest.raises(ServerFaultError):
            await engine.generate(ask(BAD))
    assert asked(server, BAD) == 8


PERMANENT: dict[str, tuple[Behaviour, type[EngineError]]] = {
    "quota": (answer({"error": {"code": "insufficient_quota"}}, 429), QuotaError),
    "key": (error(401), AuthenticationError),
    "filter": (answer({"error": {"code": "content_filter", "message": "No."}}, 400), RejectedError),
    "too long": (error(413), ContextFullError),
    "refused with 200": (answer({"error": {"code": 400, "message": "No."}}), RejectedError),
}


@pytest.mark.parametrize("case", PERMANENT.values(), ids=PERMANENT.keys())
async def test_what_is_permanent_is_asked_once(
    server: StubServer, case: tuple[Behaviour, type[EngineError]]
) -> None:
    behaviour, kind = case
    server.on(COMPLETIONS, behaviour)
    async with connected(server, retries=AT_ONCE) as engine:
        with pytest.raises(kind):
            await engine.generate(ask())
    assert len(server.asked(COMPLETIONS)) == 1


@pytest.mark.parametrize("status", [402, 403])
async def test_a_refusal_that_others_do_not_meet_is_this_rows(
    server: StubServer, status: int
) -> None:
    fault = await failure(server, answer("<html>Blocked.</html>", status))
    assert type(fault) is RejectedError
    assert str(fault).endswith("(Other requests are answered.)")
    assert (asked(server, BAD), asked(server, "Hello.")) == (1, 1)


async def test_a_refusal_that_all_meet_is_the_runs(server: StubServer) -> None:
    server.on(COMPLETIONS, completion(), error(403))
    async with connected(server, retries=AT_ONCE) as engine:
        await engine.generate(ask())
        with pytest.raises(AuthenticationError):
            await engine.generate(ask(BAD))


async def test_what_goes_wrong_and_is_tried_again_is_told(server: StubServer) -> None:
    server.on(COMPLETIONS, error(503, "Loading model"), error(503, "Still loading"), completion())
    async with connected(server, retries=AT_ONCE) as engine:
        assert engine.faults() is None
        await engine.generate(ask())
        faults = engine.faults()
    assert faults is not None
    assert faults.retries == 2
    assert faults.last.endswith("answers 503: Still loading")


async def test_a_model_that_thought_up_to_its_limit_was_cut_off(server: StubServer) -> None:
    message = {"role": "assistant", "content": None, "reasoning_content": "Hm ..."}
    choice = {"index": 0, "message": message, "finish_reason": "length"}
    server.on(CHAT, answer({"choices": [choice], "usage": {"completion_tokens": 16}}))
    async with connected(server, retries=AT_ONCE) as engine:
        done = await engine.generate(ask((Message(role="user", content="Why?"),)))
    assert (done.text, done.finish_reason, done.usage.generated_tokens) == ("", "length", 16)
    assert len(server.asked(CHAT)) == 1


@pytest.mark.parametrize(("tokens", "reason"), [(15, "stop"), (16, "length"), (17, "length")])
async def test_an_answer_without_a_finish_reason_was_cut_off_if_it_is_as_long_as_allowed(
    server: StubServer, tokens: int, reason: str
) -> None:
    server.on(COMPLETIONS, completion(finish_reason=None, usage={"completion_tokens": tokens}))
    async with connected(server) as engine:
        assert (await engine.generate(ask())).finish_reason == reason
