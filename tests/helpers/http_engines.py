"""HTTP engines for tests, connected to stub servers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from revloop.engines import Deadlines, HttpEngine, Request, RetryPolicy
from revloop.errors import (
    EngineError,
)
from revloop.trajectory import Sampling
from tests.helpers.stub_server import COMPLETIONS, StubServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from revloop.trajectory import Message
    from tests.helpers.slow_server import SlowServer
    from tests.helpers.stub_server import Behaviour

KEY = "sk-nobody-may-see-this"
PROMPT = "Score this answer: the sky is blue because it mirrors the sea."
PATIENT = RetryPolicy(attempts=5, first_wait_s=0)
AT_ONCE = RetryPolicy(attempts=3, first_wait_s=0)
ONCE = RetryPolicy(attempts=1)
BRIEF = Deadlines(connect_s=2.0, answer_s=0.05, token_s=0.0)
MODEL = {"id": "critic", "object": "model"}


@asynccontextmanager
async def connected(server: StubServer | SlowServer, **options: Any) -> AsyncIterator[HttpEngine]:
    engine = await HttpEngine.connect(server.base_url, **({"retries": AT_ONCE} | options))
    try:
        yield engine
    finally:
        await engine.aclose()


def ask(prompt: str | tuple[Message, ...] = PROMPT, **changes: Any) -> Request:
    return Request(**({"prompt": prompt, "sampling": Sampling(), "max_tokens": 16} | changes))


async def failure(server: StubServer, behaviour: Behaviour, **options: Any) -> EngineError:
    """The error of a completion if the server always gives the same answer."""
    server.on(COMPLETIONS, behaviour)
    async with connected(server, **options) as engine:
        with pytest.raises(EngineError) as caught:
            await engine.generate(ask())
    return caught.value
