"""HTTP faults, temporary and permanent, and many concurrent requests."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import tracemalloc
import warnings
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from revloop.engines import Deadlines, HttpEngine, RetryPolicy
from revloop.engines.wire import largest_reply_bytes
from revloop.errors import (
    BadReplyError,
    ContextFullError,
    EngineError,
    ModelConfigError,
    ModelNotServedError,
    OverloadedError,
    RejectedError,
    TransientError,
    UnreachableError,
)
from tests.e2e.faults.kinds import Fault, Plan
from tests.e2e.faults.server import FaultyServer
from tests.helpers.http_engines import AT_ONCE, BRIEF, MODEL, ONCE, ask, connected, failure
from tests.helpers.stub_server import (
    COMPLETIONS,
    MODELS,
    TEXT,
    StubServer,
    answer,
    completion,
    error,
    half,
    hang,
    model_list,
    raw,
    reset,
)

if TYPE_CHECKING:
    from tests.helpers.stub_server import Behaviour

# temporary faults


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
async def test_a_server_that_is_busy_is_asked_again(server: StubServer, status: int) -> None:
    server.on(COMPLETIONS, error(status), error(status), completion())
    async with connected(server) as engine:
        done = await engine.generate(ask())
    assert (done.text, done.retries) == (TEXT, 2)
    assert len(server.asked(COMPLETIONS)) == 3


async def test_a_server_that_stays_busy_is_given_up_with_its_own_words(server: StubServer) -> None:
    fault = await failure(server, error(503, "The queue is full."))
    assert isinstance(fault, OverloadedError)
    assert str(fault) == f"{server.base_url}{COMPLETIONS} answers 503: The queue is full."
    assert len(server.asked(COMPLETIONS)) == AT_ONCE.attempts


async def test_retry_after_in_seconds_is_read(server: StubServer) -> None:
    fault = await failure(server, error(429, headers={"Retry-After": "17"}), retries=ONCE)
    assert isinstance(fault, TransientError)
    assert fault.retry_after_s == 17


async def test_retry_after_as_a_date_is_read(server: StubServer) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    fault = await failure(server, error(503, headers={"Retry-After": moment}), retries=ONCE)
    assert isinstance(fault, TransientError)
    assert fault.retry_after_s is not None
    assert 3000 < fault.retry_after_s <= 3600


async def test_no_retry_after_is_longer_than_the_policys_longest_wait(server: StubServer) -> None:
    server.on(COMPLETIONS, error(429, headers={"Retry-After": "3600"}), completion())
    policy = RetryPolicy(attempts=2, first_wait_s=0, longest_wait_s=0.01)
    async with asyncio.timeout(60), connected(server, retries=policy) as engine:
        assert (await engine.generate(ask())).retries == 1


TEXT_ANSWER = {"choices": [{"text": TEXT, "finish_reason": "stop"}]}
BAD_REPLIES = {
    "HTML": answer("<html><h1>Welcome to nginx!</h1></html>"),
    "nothing": answer(b""),
    "truncated JSON": answer(json.dumps(TEXT_ANSWER)[:-5]),
    "not UTF-8": answer(b'{"choices": "\xff"}'),
    "nested too deep": answer("[" * 100_000),
    "a list": answer([TEXT_ANSWER]),
    "no choices": answer({"choices": []}),
    "choices that are none": answer({"choices": "abc"}),
    "a choice that is none": answer({"choices": ["text"]}),
    "no text": answer({"choices": [{"finish_reason": "stop"}]}),
    "an unknown finish reason": completion(finish_reason="abort"),
    "a lone surrogate": completion("half a pair: \ud83d"),
    "half a body": half(TEXT_ANSWER),
    "zipped, it says": answer(TEXT_ANSWER, headers={"Content-Encoding": "gzip"}),
    "zipped": answer(gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"}),
}
BROKEN_CONNECTIONS = {
    "closed": raw(b""),
    "reset": reset(),
    "reset in the middle": half(TEXT_ANSWER, then_reset=True),
    "another protocol": raw(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "no chunk": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello"),
}


@pytest.mark.parametrize("behaviour", BAD_REPLIES.values(), ids=BAD_REPLIES.keys())
async def test_an_answer_out_of_form_is_asked_for_again(
    server: StubServer, behaviour: Behaviour
) -> None:
    server.on(COMPLETIONS, behaviour, completion())
    async with connected(server) as engine:
        done = await engine.generate(ask())
    assert (done.text, done.retries) == (TEXT, 1)


@pytest.mark.parametrize("behaviour", BAD_REPLIES.values(), ids=BAD_REPLIES.keys())
async def test_an_answer_that_stays_out_of_form_is_a_bad_reply(
    server: StubServer, behaviour: Behaviour
) -> None:
    fault = await failure(server, behaviour)
    assert isinstance(fault, BadReplyError)
    assert str(fault).startswith(f"{server.base_url}{COMPLETIONS} ")
    assert str(fault).isprintable()
    assert len(server.asked(COMPLETIONS)) == AT_ONCE.attempts


@pytest.mark.parametrize("behaviour", BROKEN_CONNECTIONS.values(), ids=BROKEN_CONNECTIONS.keys())
async def test_a_connection_that_breaks_is_made_again(
    server: StubServer, behaviour: Behaviour
) -> None:
    server.on(COMPLETIONS, behaviour, completion())
    async with connected(server) as engine:
        done = await engine.generate(ask())
    assert (done.text, done.retries) == (TEXT, 1)


@pytest.mark.parametrize("behaviour", BROKEN_CONNECTIONS.values(), ids=BROKEN_CONNECTIONS.keys())
async def test_a_connection_that_always_breaks_is_given_up(
    server: StubServer, behaviour: Behaviour
) -> None:
    fault = await failure(server, behaviour)
    assert isinstance(fault, UnreachableError | BadReplyError)
    assert str(fault).startswith(f"{server.base_url}{COMPLETIONS} ")
    assert str(fault).isprintable()


async def test_a_page_in_place_of_an_answer_is_quoted(server: StubServer) -> None:
    fault = await failure(server, BAD_REPLIES["HTML"])
    assert "does not answer in JSON: <html><h1>Welcome to nginx!</h1></html>" in str(fault)


async def test_an_answer_that_hangs_is_given_up_at_the_deadline(server: StubServer) -> None:
    deadlines = Deadlines(answer_s=0.3, token_s=0.0)
    policy = RetryPolicy(attempts=2, first_wait_s=0)
    fault = await failure(server, hang(), deadlines=deadlines, retries=policy)
    assert isinstance(fault, UnreachableError)
    assert str(fault) == f"{server.base_url}{COMPLETIONS} did not answer within 0.3 s."
    assert len(server.asked(COMPLETIONS)) == 2


def test_more_tokens_are_given_more_time() -> None:
    deadlines = Deadlines(connect_s=3, answer_s=100, token_s=0.5)
    assert deadlines.timeout() == aiohttp.ClientTimeout(total=100, sock_connect=3)
    assert deadlines.timeout(64).total == 132


@pytest.mark.parametrize("fault", [Fault.ENDLESS, Fault.PACKED])
async def test_a_gigabyte_is_not_read(fault: Fault) -> None:
    tracemalloc.start()
    async with FaultyServer(Plan({fault: 1.0})) as server:
        with pytest.raises(
            BadReplyError, match=r"more than 8388608 bytes|compressed reply \(gzip\)"
        ):
            await HttpEngine.connect(server.base_url, retries=ONCE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * 2**20


def test_an_answer_of_more_tokens_may_be_longer() -> None:
    assert largest_reply_bytes(1024) - largest_reply_bytes() == 2**20


async def test_an_answer_longer_than_its_tokens_can_be_is_not_read(server: StubServer) -> None:
    fault = await failure(server, completion("x" * largest_reply_bytes(16)))
    assert isinstance(fault, BadReplyError)
    assert f"more than {largest_reply_bytes(16)} bytes" in str(fault)


async def test_an_answer_of_many_packets_is_read_whole(server: StubServer) -> None:
    said = "word " * 100_000
    server.on(COMPLETIONS, completion(said))
    async with connected(server) as engine:
        assert (await engine.generate(ask())).text == said


async def test_a_fault_is_raised_from_the_librarys_own(server: StubServer) -> None:
    fault = await failure(server, half(TEXT_ANSWER), retries=ONCE)
    assert isinstance(fault.__cause__, aiohttp.ClientError)


# permanent faults


async def test_an_answer_may_have_been_created(server: StubServer) -> None:
    server.on(COMPLETIONS, answer(TEXT_ANSWER, 201))
    async with connected(server) as engine:
        assert (await engine.generate(ask())).text == TEXT


async def test_what_is_no_http_is_told_on_one_line(server: StubServer) -> None:
    fault = await failure(server, raw(b"SSH-2.0-OpenSSH_9.9\r\n"), retries=ONCE)
    assert isinstance(fault, UnreachableError)
    assert str(fault).endswith("does not answer in HTTP (Bad status line). Is it the right port?")


@pytest.mark.parametrize("status", [400, 422, 202, 204])
async def test_a_refusal_is_final(server: StubServer, status: int) -> None:
    fault = await failure(server, error(status, "seed: must be even"))
    assert isinstance(fault, RejectedError)
    assert f"{COMPLETIONS} answers {status}" in str(fault)
    assert len(server.asked(COMPLETIONS)) == 1


async def test_a_refusal_is_told_in_the_servers_own_words(server: StubServer) -> None:
    fault = await failure(server, error(400, "seed:\n must be even\x1b[2J"))
    assert str(fault).endswith(f"{COMPLETIONS} answers 400: seed: must be even [2J")


async def test_a_model_that_went_away_is_named(server: StubServer) -> None:
    fault = await failure(server, error(404, "The model does not exist."))
    assert isinstance(fault, ModelNotServedError)
    assert "'critic' is not served" in str(fault)
    assert "The model does not exist." in str(fault)


async def test_a_server_that_finds_the_context_full_is_understood(server: StubServer) -> None:
    said = "This model's maximum context length is 2048 tokens. However, you requested 2050."
    fault = await failure(server, error(400, said))
    assert isinstance(fault, ContextFullError)
    assert said in str(fault)
    assert len(server.asked(COMPLETIONS)) == 1


# concurrency and closing


async def test_no_limit_keeps_requests_from_being_in_flight_together(server: StubServer) -> None:
    together = 104  # aiohttp's default limit is 100
    everybody = asyncio.Barrier(together)

    async def wait_for_everybody(request: Any) -> Any:
        await everybody.wait()
        text = json.loads(await request.read())["prompt"].upper()
        return await completion(text)(request)

    server.on(COMPLETIONS, wait_for_everybody)
    async with connected(server) as engine, asyncio.timeout(60), asyncio.TaskGroup() as group:
        tasks = [group.create_task(engine.generate(ask(f"n{i}"))) for i in range(together)]
        await server.until_asked(COMPLETIONS, together)
    assert [task.result().text for task in tasks] == [f"N{i}" for i in range(together)]


async def test_a_request_that_is_cancelled_leaves_the_engine_as_it_was(server: StubServer) -> None:
    server.on(COMPLETIONS, hang(), completion())
    async with connected(server) as engine:
        task = asyncio.create_task(engine.generate(ask()))
        await server.until_asked(COMPLETIONS)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert (await engine.generate(ask())).text == TEXT
    assert len(server.asked(COMPLETIONS)) == 2


async def test_a_request_can_be_cancelled_while_it_waits_to_be_sent_again(
    server: StubServer,
) -> None:
    server.on(COMPLETIONS, error(503, headers={"Retry-After": "60"}))
    async with connected(server, retries=RetryPolicy(attempts=2)) as engine:
        task = asyncio.create_task(engine.generate(ask()))
        await server.until_asked(COMPLETIONS)
        await asyncio.sleep(0.02)  # by now it probably waits; it must be cancelled in any case
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len(server.asked(COMPLETIONS)) == 1


async def test_one_cancelled_request_does_not_touch_the_others(server: StubServer) -> None:
    server.on(COMPLETIONS, hang(), completion())
    async with connected(server) as engine:
        hanging = asyncio.create_task(engine.generate(ask()))
        await server.until_asked(COMPLETIONS)
        other = asyncio.create_task(engine.generate(ask()))
        hanging.cancel()
        assert (await other).text == TEXT
        with pytest.raises(asyncio.CancelledError):
            await hanging


async def test_an_engine_may_be_closed_twice(server: StubServer) -> None:
    engine = await HttpEngine.connect(server.base_url)
    await engine.aclose()
    await engine.aclose()


@pytest.mark.parametrize(
    ("listing", "options"),
    [
        (error(401), {}),
        (answer("<html>"), {}),
        (hang(), {"deadlines": BRIEF}),
        (model_list(MODEL), {"model": "gpt-4"}),
        (model_list(MODEL), {"tokenizer": "no-such-folder"}),
    ],
    ids=["refused", "html", "hanging", "not-served", "no-tokenizer"],
)
async def test_a_connection_that_comes_to_nothing_leaves_nothing_open(
    server: StubServer, listing: Behaviour, options: dict[str, Any]
) -> None:
    server.on(MODELS, listing)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises((EngineError, ModelConfigError), match=r"\w"):
            await HttpEngine.connect(server.base_url, **{"retries": ONCE, **options})
        gc.collect()
    assert [w for w in seen if "unclosed" in str(w.message).lower()] == []
