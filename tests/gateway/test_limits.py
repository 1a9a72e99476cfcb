"""Limits of the gateway: time, places, and clients that go away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from revloop.gateway.places import Places
from revloop.gateway.refusals import RefusedRequestError
from revloop.options import GatewayOptions
from tests.helpers.gateways import DRAFT, MODEL, QUESTION, reviewing, running
from tests.helpers.stub_server import CHAT, COMPLETIONS, hang

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp import web

    from tests.helpers.gateways import Running
    from tests.helpers.stub_server import Behaviour

ASKED = {"model": MODEL, "messages": QUESTION}


def hanging_after(requests: int) -> Behaviour:
    """A critic that answers some requests and no more."""
    answered = 0

    async def behave(request: web.Request) -> web.StreamResponse:
        nonlocal answered
        answered += 1
        return await (reviewing() if answered <= requests else hang())(request)

    return behave


@pytest.mark.parametrize(("answered", "text"), [(0, DRAFT), (2, "Better +"), (3, "Better +")])
async def test_at_the_deadline_the_best_version_so_far_is_the_answer(
    tmp_path: Path, answered: int, text: str
) -> None:
    async with running(tmp_path, {"iterations": 3}, deadline="1s") as up:
        up.critic.on(COMPLETIONS, hanging_after(answered))
        reply = await up.ask()
        (stored,) = up.stored()
    about = reply["revloop"]["choices"][0]
    assert reply["choices"][0]["message"]["content"] == text == stored.final
    assert about["reason"] == "deadline"
    assert about["detail"] == f"The deadline was up in round {stored.rounds + 1}."


async def test_a_client_may_set_its_own_deadline(tmp_path: Path) -> None:
    async with running(tmp_path) as up:
        up.critic.on(COMPLETIONS, hang())
        reply = await up.ask(revloop={"deadline": 0.05})
        assert reply["revloop"]["choices"][0]["reason"] == "deadline"


async def test_a_draft_that_comes_after_the_deadline_is_answered_and_stored(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, deadline="1ms") as up:
        reply = await up.ask()
        assert reply["choices"][0]["message"]["content"] == DRAFT
        assert [one.final for one in up.stored()] == [DRAFT]


@pytest.mark.parametrize(
    ("text", "seconds"), [("20s", 20), ("1.5m", 90), ("500ms", 0.5), ("20", 20)]
)
def test_a_deadline_is_a_time(text: str, seconds: float) -> None:
    assert GatewayOptions(deadline=text).deadline_s == seconds


@pytest.mark.parametrize("text", ["soon", "0s", "-1s", "", "1h"])
def test_anything_else_is_no_deadline(text: str) -> None:
    with pytest.raises(Exception, match="it is a time such as 20s"):
        GatewayOptions(deadline=text)


async def _until(condition: Any) -> None:
    """Wait until something is so; the test's own limit ends it otherwise."""
    while not condition():  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.005)


async def test_too_many_requests_are_refused_with_a_time_to_come_again(tmp_path: Path) -> None:
    async with running(tmp_path, max_concurrency=1, max_queue=1) as up:
        held = asyncio.Event()

        async def behave(request: web.Request) -> web.StreamResponse:
            await held.wait()
            return await reviewing()(request)

        up.critic.on(COMPLETIONS, behave)
        first, second = asyncio.create_task(up.ask()), asyncio.create_task(up.ask())
        await _until(lambda: (up.gateway.places.taken, up.gateway.places.waiting) == (1, 1))
        async with up.post(json=ASKED) as response:
            assert response.status == 429
            assert int(response.headers["Retry-After"]) >= 1
            assert (await response.json())["error"]["code"] == "gateway_busy"
        headers = {"Content-Type": "application/json"}
        async with up.post(data=b"no JSON", headers=headers) as response:
            assert response.status == 429  # its body is not even read
        held.set()
        for reply in await asyncio.gather(first, second):
            assert reply["choices"][0]["message"]["content"] == "Better +"


async def test_a_place_is_free_again_after_an_error() -> None:
    places = Places(1, 0)
    with pytest.raises(ValueError, match="No"):
        async with places.place():
            raise ValueError("No")
    async with places.place():
        with pytest.raises(RefusedRequestError):
            async with places.place():
                pass
    assert (places.taken, places.waiting) == (0, 0)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_goes_away_ends_the_work_and_its_versions_stay(
    tmp_path: Path, stream: bool
) -> None:
    async with running(tmp_path, {"iterations": 3}) as up:
        up.critic.on(COMPLETIONS, hanging_after(2))
        async with aiohttp.ClientSession() as leaving:
            url = f"{up.gateway.address}/v1/chat/completions"
            asked = asyncio.create_task(leaving.post(url, json={**ASKED, "stream": stream}))
            await up.critic.until_asked(COMPLETIONS, 3)
            assert up.gateway.places.taken == 1
            asked.cancel()
            await asyncio.wait([asked])
        await _until(lambda: up.gateway.places.taken == 0)
        (stored,) = up.stored()
        assert [version.text for version in stored.versions] == [DRAFT, "Better +"]
        assert stored.end is None


async def test_sixty_four_clients_at_once_get_their_answers(tmp_path: Path) -> None:
    async with running(tmp_path, {"iterations": 2}) as up:

        async def one(number: int) -> str:
            turns = [{"role": "user", "content": f"Question {number}"}]
            if number % 2:
                return "Better ++" if "Better" in await up.stream(messages=turns) else ""
            reply = await up.ask(messages=turns)
            return str(reply["choices"][0]["message"]["content"])

        answers = await asyncio.gather(*map(one, range(64)))
        assert answers == ["Better ++"] * 64
        assert {one.draft.conversation[0].content for one in up.stored()} == {
            f"Question {number}" for number in range(64)
        }
        assert len(up.upstream.asked(CHAT)) == 64


async def test_metrics_count_requests_tokens_and_rounds(tmp_path: Path) -> None:
    async with running(tmp_path) as up:
        await up.ask()
        await up.refused(404, model="other")
        metrics = await _metrics(up)
    assert metrics['revloop_gateway_requests_total{path="/v1/chat/completions",status="200"}'] == 1
    assert metrics['revloop_gateway_requests_total{path="/v1/chat/completions",status="404"}'] == 1
    assert metrics['revloop_gateway_tokens_total{kind="generated",part="revision"}'] == 3
    assert metrics["revloop_gateway_rounds_total"] == 1
    assert metrics['revloop_gateway_ends_total{reason="rounds_done"}'] == 1
    assert metrics["revloop_gateway_working"] == 0


async def _metrics(up: Running) -> dict[str, float]:
    async with up.client.get(f"{up.gateway.address}/metrics") as response:
        text = await response.text()
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}
