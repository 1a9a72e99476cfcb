"""An answer gets the room that the context leaves, if only the server knows how much that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from revloop import AsyncReviser
from revloop.engines.room import generate_within
from revloop.errors import ContextFullError
from revloop.trajectory import Draft, Message, StopReason
from tests.engines.test_overflow import WORDS
from tests.helpers.http_engines import ask, connected
from tests.helpers.stub_server import CHAT, StubServer, chat_completion, error

if TYPE_CHECKING:
    from aiohttp import web

    from tests.helpers.stub_server import Behaviour

CONTEXT, PROMPT = 1500, 1000
MESSAGES = (Message(role="user", content="Why is the sky blue?"),)


def strict(words: str, *, context: int = CONTEXT) -> Behaviour:
    """A server that refuses what does not fit, in certain words."""

    async def behave(request: web.Request) -> web.StreamResponse:
        answer = (await request.json())["max_tokens"]
        if PROMPT + answer < context:
            return await chat_completion("So.", finish_reason="length")(request)
        counts = {"prompt": PROMPT, "answer": answer, "context": context}
        said = words.format(**counts, total=PROMPT + answer)
        return await error(400, said)(request)

    return behave


@pytest.mark.parametrize("words", WORDS)
async def test_a_request_is_sent_again_with_the_room_that_is_left(
    server: StubServer, words: str
) -> None:
    server.on(CHAT, strict(words))
    async with connected(server) as engine:
        done = await generate_within(engine, ask(MESSAGES, max_tokens=2048), 2048)
    assert (done.text, done.limit_tokens) == ("So.", 499)
    assert [received.body["max_tokens"] for received in server.asked(CHAT)] == [2048, 499]


async def test_what_follows_the_answer_keeps_its_room(server: StubServer) -> None:
    server.on(CHAT, strict(WORDS[0]))
    async with connected(server) as engine:
        done = await generate_within(
            engine, ask(MESSAGES, max_tokens=2048, reserve_tokens=100), 2048
        )
    assert done.limit_tokens == 399


@pytest.mark.parametrize(
    ("words", "room"), [(WORDS[0], 500), ("The context window is full.", 1)], ids=["room", "words"]
)
async def test_without_enough_room_it_is_sent_once(
    server: StubServer, words: str, room: int
) -> None:
    server.on(CHAT, strict(words))
    async with connected(server) as engine:
        with pytest.raises(ContextFullError):
            await generate_within(engine, ask(MESSAGES, max_tokens=2048, room_tokens=room), 2048)
    assert len(server.asked(CHAT)) == 1


async def test_a_server_that_refuses_the_room_too_is_asked_no_third_time(
    server: StubServer,
) -> None:
    full = error(400, WORDS[0].format(prompt=1, answer=1, context=9, total=2))
    server.on(CHAT, full)
    async with connected(server) as engine:
        with pytest.raises(ContextFullError, match="The prompt takes 1 tokens"):
            await generate_within(engine, ask(MESSAGES, max_tokens=2048), 2048)
    assert len(server.asked(CHAT)) == 2


async def test_a_revision_is_shortened_to_what_is_left(server: StubServer) -> None:
    words = WORDS[0]

    async def behave(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if PROMPT + body["max_tokens"] >= CONTEXT:
            counts = {"prompt": PROMPT, "answer": body["max_tokens"], "context": CONTEXT}
            said = words.format(**counts, total=PROMPT + body["max_tokens"])
            return await error(400, said)(request)
        is_revision = "<revised_response>" in body["messages"][-1]["content"]
        text = "<revised_response>It scatters light.</revised_response>" if is_revision else "No."
        return await chat_completion(text)(request)

    server.on(CHAT, behave)
    async with connected(server) as engine, AsyncReviser(engine=engine, prompts="chat") as reviser:
        done = await reviser.revise(Draft(prompt="Why?", response="The sea is blue."), iterations=1)
    assert done.end is not None
    assert done.end.reason is StopReason.ROUNDS_DONE
    assert done.versions[-1].text == "It scatters light."
    assert [received.body["max_tokens"] for received in server.asked(CHAT)][-2:] == [2048, 499]
