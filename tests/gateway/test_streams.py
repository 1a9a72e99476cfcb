"""Streamed answers: no draft is shown, the connection lives, and errors arrive."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from revloop.gateway.streaming import pieces_of
from tests.helpers.gateways import DRAFT, MODEL, Running, reviewing, running
from tests.helpers.hostile import ALL
from tests.helpers.stub_server import CHAT, COMPLETIONS, chat_completion, error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiohttp import web

    from tests.helpers.stub_server import Behaviour

DONE = "data: [DONE]\n\n"


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Running]:
    """A gateway whose streams give many signs of life."""
    async with running(tmp_path, heartbeat_s=0.01) as made:
        yield made


def chunks_in(events: str) -> list[dict[str, Any]]:
    """The JSON of all events."""
    assert events.endswith(DONE)
    lines = events.removesuffix(DONE).splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


def joined(chunks: list[dict[str, Any]], field: str) -> str:
    """The text that a field of the deltas makes."""
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    return "".join(delta.get(field) or "" for delta in deltas)


def held_until(event: asyncio.Event, then: Behaviour) -> Behaviour:
    """A behaviour that waits first."""

    async def behave(request: web.Request) -> web.StreamResponse:
        await event.wait()
        return await then(request)

    return behave


async def test_the_draft_is_never_shown_and_the_text_comes_in_deltas(up: Running) -> None:
    events = await up.stream(stream_options={"include_usage": True})
    chunks = chunks_in(events)
    assert joined(chunks, "content") == "Better +"
    assert DRAFT not in events
    *_, last, usage = chunks
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["revloop"]["choices"][0]["version"] == 1
    assert (usage["choices"], usage["usage"]["total_tokens"]) == ([], 30)
    assert {chunk["id"] for chunk in chunks} == {up.stored()[0].draft.id}


async def test_comments_keep_a_stream_alive_while_rounds_run(up: Running) -> None:
    held = asyncio.Event()
    up.critic.on(COMPLETIONS, held_until(held, reviewing()))
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    async with up.post(json=body) as response:
        beat = await response.content.readuntil(b"\n\n")
        assert beat.startswith(b":")
        held.set()
        events = (await response.read()).decode()
    assert joined(chunks_in(events), "content") == "Better +"


async def test_progress_is_told_only_to_clients_that_ask_for_it(up: Running) -> None:
    told = chunks_in(await up.stream(model=f"{MODEL}@2", revloop={"progress": True}))
    lines = joined(told, "reasoning_content").splitlines()
    assert lines == [
        "The draft is written.",
        "Round 1 is done. Score: 4.",
        "Round 2 is done. Score: 4.",
    ]
    assert joined(chunks_in(await up.stream()), "reasoning_content") == ""


async def test_an_error_before_the_first_event_has_its_status(tmp_path: Path) -> None:
    async with running(tmp_path) as up:
        up.upstream.on(CHAT, error(400, "No."))
        refused = await up.refused(400, stream=True)
        assert "No." in refused["message"]


async def test_an_error_after_the_first_event_is_an_event(up: Running) -> None:
    held = asyncio.Event()
    up.upstream.on(CHAT, held_until(held, error(400, "No.")))
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    async with up.post(json=body) as response:
        await response.content.readuntil(b"\n\n")
        held.set()
        (event,) = chunks_in((await response.read()).decode())
    assert "No." in event["error"]["message"]


async def test_a_tool_call_is_streamed_with_its_number(up: Running) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    up.upstream.on(CHAT, chat_completion(message=message, finish_reason="tool_calls"))
    chunks = chunks_in(await up.stream())
    calls = [c for chunk in chunks for c in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert calls == [{"index": 0, **call}]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


async def test_completions_are_streamed_as_texts(up: Running) -> None:
    events = await up.stream("/v1/completions", prompt="Hi", messages=None)
    texts = [chunk["choices"][0]["text"] for chunk in chunks_in(events)]
    assert "".join(texts) == "Better +"


@pytest.mark.parametrize("text", ["", "a", " \n a  b\n\n", "x" * 500, "äöü " * 99])
def test_the_deltas_of_a_text_are_the_text(text: str) -> None:
    assert "".join(pieces_of(text)) == text


def test_the_deltas_of_hostile_texts_are_these_texts() -> None:
    for text in ALL:
        assert "".join(pieces_of(text)) == text
