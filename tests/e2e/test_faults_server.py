"""The faulty server follows its plan and counts correctly: `tests/e2e/faults`."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.e2e.faults.kinds import Fault, Plan
from tests.e2e.faults.server import FaultyServer, Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BODY = {"model": "critic", "prompt": "Say it.", "max_tokens": 5}


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


async def post(
    client: aiohttp.ClientSession, server: FaultyServer, body: object = BODY, **options: Any
) -> tuple[int, bytes]:
    url = f"{server.base_url}/v1/completions"
    async with client.post(url, json=body, allow_redirects=False, **options) as response:
        return response.status, await response.read()


def always(fault: Fault) -> Plan:
    return Plan({fault: 1.0})


# which request meets which fault


@settings(max_examples=25)
@given(st.text(), st.integers(0, 100), st.integers(0, 5))
def test_a_request_meets_the_same_fault_whenever_it_comes(
    content: str, times: int, seed: int
) -> None:
    first, second = Plan.evenly(0.5, seed), Plan.evenly(0.5, seed)
    assert first.fault_of(content, times) is second.fault_of(content, times)


def test_shares_are_kept() -> None:
    plan = Plan({Fault.BUSY: 0.2, Fault.HTML: 0.1})
    met = Counter(plan.fault_of(f"request {i}", 0) for i in range(5000))
    assert met[Fault.BUSY] / 5000 == pytest.approx(0.2, abs=0.03)
    assert met[Fault.HTML] / 5000 == pytest.approx(0.1, abs=0.03)
    assert met.total() == met[Fault.BUSY] + met[Fault.HTML] + met[None]


def test_an_even_plan_has_every_fault() -> None:
    plan = Plan.evenly(1.0)
    assert {plan.fault_of(f"request {i}", 0) for i in range(2000)} == set(Fault)


def test_the_same_request_may_be_luckier_next_time() -> None:
    plan = Plan({Fault.BUSY: 0.5})
    assert {plan.fault_of("a", i) for i in range(20)} == {Fault.BUSY, None}


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_shares_that_are_none_are_refused(share: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        Plan({Fault.BUSY: share})


# what it answers


async def test_without_faults_everything_is_answered_well(client: aiohttp.ClientSession) -> None:
    async with FaultyServer(Plan()) as server:
        first, second = await post(client, server), await post(client, server)
    assert first == second
    assert json.loads(first[1])["choices"][0]["finish_reason"] == "stop"


async def test_what_is_asked_again_after_a_good_answer_was_asked_wasted(
    client: aiohttp.ClientSession,
) -> None:
    async with FaultyServer(Plan()) as server:
        for prompt in ("a", "b", "a", "a"):
            await post(client, server, {**BODY, "prompt": prompt})
    assert (server.requests, server.extra, len(server.wasted)) == (4, 2, 2)


async def test_what_is_asked_again_after_a_fault_was_not_asked_wasted(
    client: aiohttp.ClientSession,
) -> None:
    async with FaultyServer(always(Fault.ERROR_503)) as server:
        await post(client, server)
        await post(client, server)
    assert (server.requests, server.extra, server.wasted) == (2, 1, [])
    assert server.met == {Fault.ERROR_503: 2}


def test_a_request_is_known_by_what_it_asks() -> None:
    one = Request("POST", "/v1/completions", {"host": "a"}, b"{}")
    assert one.content == Request("POST", "/v1/completions", {"host": "b"}, b"{}").content
    assert one.content != Request("POST", "/v1/completions", {"host": "a"}, b"[]").content


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.BUSY, 429),
        (Fault.ERROR_500, 500),
        (Fault.ERROR_502, 502),
        (Fault.ERROR_503, 503),
        (Fault.HTML, 200),
        (Fault.REDIRECT, 307),
    ],
)
async def test_a_status_is_what_was_asked_for(
    client: aiohttp.ClientSession, fault: Fault, status: int
) -> None:
    async with FaultyServer(always(fault)) as server:
        assert (await post(client, server))[0] == status


@pytest.mark.parametrize("fault", [Fault.BUSY_SECONDS, Fault.BUSY_DATE])
async def test_a_busy_server_may_name_a_time(client: aiohttp.ClientSession, fault: Fault) -> None:
    async with (
        FaultyServer(always(fault)) as server,
        client.post(f"{server.base_url}/v1/completions", json=BODY) as response,
    ):
        said = response.headers["Retry-After"]
    assert said.isdecimal() is (fault is Fault.BUSY_SECONDS)


@pytest.mark.parametrize(
    ("fault", "field"),
    [(Fault.WRONG_SHAPE, None), (Fault.NO_CHOICES, []), (Fault.UNKNOWN_FINISH, "abort")],
)
async def test_json_may_say_the_wrong_thing(
    client: aiohttp.ClientSession, fault: Fault, field: object
) -> None:
    async with FaultyServer(always(fault)) as server:
        reply = json.loads((await post(client, server))[1])
    if fault is Fault.WRONG_SHAPE:
        assert isinstance(reply, list)
    else:
        choices = reply["choices"]
        assert (choices and choices[0]["finish_reason"]) == field


async def test_truncated_json_is_a_whole_body_of_half_an_answer(
    client: aiohttp.ClientSession,
) -> None:
    async with FaultyServer(always(Fault.TRUNCATED_JSON)) as server:
        _, body = await post(client, server)
    with pytest.raises(ValueError, match="line 1"):
        json.loads(body)


async def test_a_body_may_be_broken_off(client: aiohttp.ClientSession) -> None:
    async with FaultyServer(always(Fault.RESET)) as server:
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await post(client, server)
        assert server.requests == 1


async def test_a_closed_port_refuses_connections_and_opens_again(
    client: aiohttp.ClientSession,
) -> None:
    async with FaultyServer(always(Fault.REFUSED), away_s=0.2) as server:
        refused = 0
        for _ in range(1000):
            if server.requests > 1:
                break
            try:
                await post(client, server)
            except aiohttp.ClientConnectorError:
                refused += 1
            except (aiohttp.ClientError, ConnectionError):
                pass
            await asyncio.sleep(0.01)
        assert server.requests > 1
        assert refused > 0


async def test_a_port_that_closes_leaves_no_connection_half_open() -> None:
    async with FaultyServer(always(Fault.REFUSED), away_s=0.001) as server:
        port = int(server.base_url.rpartition(":")[2])

        async def ask(wait_s: float) -> None:
            await asyncio.sleep(wait_s)
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET / HTTP/1.1\r\n\r\n")
                await reader.read()
                writer.close()

        async with asyncio.timeout(60):  # one that nobody holds would never end
            for _ in range(20):
                await asyncio.gather(*(ask(i / 10_000) for i in range(40)))
        assert server.met[Fault.REFUSED] > 20


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault.is_slow])
async def test_a_slow_answer_does_not_come_in_time(
    client: aiohttp.ClientSession, fault: Fault
) -> None:
    async with FaultyServer(always(fault)) as server:
        with pytest.raises(TimeoutError):
            await post(client, server, timeout=aiohttp.ClientTimeout(total=0.2))


async def test_a_late_answer_is_a_good_one(client: aiohttp.ClientSession) -> None:
    async with FaultyServer(always(Fault.LATE), late_s=0.01) as server:
        assert (await post(client, server))[0] == 200


async def test_dripping_is_whole_in_the_end(client: aiohttp.ClientSession) -> None:
    async with FaultyServer(always(Fault.DRIP), drip_s=0.0) as server:
        _, body = await post(client, server)
    assert json.loads(body)["choices"]


async def test_a_body_without_end_goes_on_until_the_client_goes(
    client: aiohttp.ClientSession,
) -> None:
    read = 0
    async with (
        FaultyServer(always(Fault.ENDLESS)) as server,
        client.post(f"{server.base_url}/v1/completions", json=BODY) as response,
    ):
        async for chunk in response.content.iter_any():
            read += len(chunk)
            if read > 20 * 2**20:
                break
    assert read > 20 * 2**20


async def test_a_packed_body_is_small_as_it_is_sent(client: aiohttp.ClientSession) -> None:
    async with FaultyServer(always(Fault.PACKED)) as server:
        _, body = await post(client, server)
    assert len(body) < 4 * 2**20


async def test_who_follows_a_redirect_is_seen() -> None:
    async with FaultyServer(always(Fault.REDIRECT)) as server, aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.ClientError):
            await client.post(f"{server.base_url}/v1/completions", json=BODY)
        assert server.strayed > 0


async def test_a_server_that_ends_leaves_nobody_waiting(client: aiohttp.ClientSession) -> None:
    async with FaultyServer(always(Fault.WEDGED)) as server:
        waiting = asyncio.create_task(post(client, server))
        await server.was_asked.wait()
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await waiting
