"""A local server that speaks a dialect."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.dialects.dialect import Answered
from tests.helpers.stub_server import CHAT, COMPLETIONS, MODELS, StubServer, answer, error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

    from tests.dialects.dialect import Case, Dialect, Path
    from tests.helpers.stub_server import Behaviour

PATHS: tuple[Path, ...] = ("models", "chat/completions", "completions")
CRITIQUE = (
    "Overall score: 3\nPositive aspects: It is short.\nNegative aspects: The sea is not the cause."
)
REVISION = (
    "<revised_response>\nThe air scatters blue light more than red light.\n</revised_response>"
)
NO_PATH = error(404, "Not Found")


@asynccontextmanager
async def speaking(dialect: Dialect, *cases: Case) -> AsyncIterator[StubServer]:
    """A server with the dialect's good replies, and these in place of theirs."""
    async with StubServer() as server:
        for path in (MODELS, CHAT, COMPLETIONS):
            server.on(path, NO_PATH)
        for path in PATHS:
            given = next((case for case in cases if case.path == path), dialect.good(path))
            if given is not None:
                server.on(f"{dialect.root}/{path}", reply(given))
        yield server


def reply(case: Case) -> Behaviour:
    """The behaviour that sends a case's reply."""
    headers = {"Content-Type": "application/json"} | dict(case.headers)
    return answer(case.body, case.status, headers)


def address(dialect: Dialect, server: StubServer) -> str:
    """The dialect's address, on this server."""
    assert dialect.address.startswith(dialect.host)
    return dialect.address.replace(dialect.host, server.base_url)


@asynccontextmanager
async def refusing(dialect: Dialect, case: Case, parameter: str) -> AsyncIterator[StubServer]:
    """A server that gives a case's reply to requests with a parameter, and good ones to others."""
    good = dialect.good(case.path)
    assert good is not None

    async def behave(request: web.Request) -> web.StreamResponse:
        is_refused = parameter in await request.json()
        return await reply(case if is_refused else good)(request)

    async with speaking(dialect) as server:
        server.on(f"{dialect.root}/{case.path}", behave)
        yield server


@asynccontextmanager
async def revising(dialect: Dialect) -> AsyncIterator[StubServer]:
    """A server that criticises and revises, in the dialect's form."""
    given = dialect.good("chat/completions")
    assert given is not None
    assert isinstance(given.expected, Answered)
    text = given.expected.text

    async def behave(request: web.Request) -> web.StreamResponse:
        asked = (await request.json())["messages"][-1]["content"]
        said = REVISION if "<revised_response>" in asked else CRITIQUE
        return await reply(replace(given, body=_with(given.body, text, said)))(request)

    async with speaking(dialect) as server:
        server.on(f"{dialect.root}/chat/completions", behave)
        yield server


def _with(value: Any, text: str, other: str) -> Any:
    """A reply with another text."""
    if isinstance(value, dict):
        return {name: _with(inner, text, other) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with(inner, text, other) for inner in value]
    return other if value == text else value
