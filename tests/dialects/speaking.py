"""A local server that speaks a dialect."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.helpers.stub_server import CHAT, COMPLETIONS, MODELS, StubServer, answer, error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.dialects.dialect import Case, Dialect, Path
    from tests.helpers.stub_server import Behaviour

PATHS: tuple[Path, ...] = ("models", "chat/completions", "completions")
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
