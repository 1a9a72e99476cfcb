"""A gateway between real local servers: a stand-in for the upstream, and one for the critic."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from revloop.gateway import Gateway, open_gateway
from revloop.options import GatewayOptions, RunOptions, StoreOptions
from revloop.store import Store
from tests.helpers.stub_server import (
    CHAT,
    COMPLETIONS,
    Behaviour,
    StubServer,
    chat_completion,
    completion,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from revloop.trajectory import Trajectory

MODEL = "answers"
DRAFT = "Teh draft."
QUESTION = [{"role": "user", "content": "How are you?"}]
CRITIQUE = "Overall score: 4\nPositive aspects: It is short.\nNegative aspects: It lacks a plus."


def reviewing() -> Behaviour:
    """A critic: the first revision is ``Better +``, and each further one has one more plus."""

    async def behave(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        pluses = body["prompt"].count("Better +") and body["prompt"].count("+")
        text = CRITIQUE if body.get("stop") else f"Better {'+' * (pluses + 1)}"
        return await completion(text)(request)

    return behave


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway with what is behind it.

    Attributes:
        gateway: The gateway.
        upstream: Writes the drafts.
        critic: Reviews and revises them.
        client: Sends requests.
        store_path: The store.
    """

    gateway: Gateway
    upstream: StubServer
    critic: StubServer
    client: aiohttp.ClientSession
    store_path: Path

    def post(
        self, path: str = "/v1/chat/completions", **options: Any
    ) -> aiohttp.client._RequestContextManager:
        return self.client.post(f"{self.gateway.address}{path}", **options)

    async def ask(self, *, headers: Any = None, **fields: Any) -> dict[str, Any]:
        """The reply to a chat request."""
        body = {"model": MODEL, "messages": QUESTION, **fields}
        async with self.post(json=body, headers=headers) as response:
            reply: dict[str, Any] = await response.json()
            assert response.status == 200, reply
            return reply

    async def refused(self, status: int, **fields: Any) -> dict[str, Any]:
        """The error that a chat request ends with."""
        body = {"model": MODEL, "messages": QUESTION, **fields}
        async with self.post(json=body) as response:
            reply: dict[str, Any] = await response.json()
            assert response.status == status, reply
            error: dict[str, Any] = reply["error"]
            return error

    async def stream(self, path: str = "/v1/chat/completions", **fields: Any) -> str:
        """All events of a streamed answer, as they came."""
        body = {"model": MODEL, "messages": QUESTION, "stream": True, **fields}
        async with self.post(path, json=body) as response:
            assert response.status == 200, await response.text()
            return await response.text()

    def stored(self) -> list[Trajectory]:
        """All trajectories of the store."""
        with Store.open_to_read(self.store_path) as store:
            return list(store.trajectories())


@asynccontextmanager
async def running(
    folder: Path,
    loop: dict[str, Any] | None = None,
    *,
    heartbeat_s: float = 5.0,
    body_s: float = 60.0,
    **options: Any,
) -> AsyncIterator[Running]:
    """A gateway with stand-ins behind it.

    Args:
        folder: Where the store goes.
        loop: Options of the loop; one round by default.
        heartbeat_s: Seconds between two signs of life of a stream.
        body_s: Seconds in which the body of a request must arrive.
        options: Options of the gateway.
    """
    store = folder / "answers.sqlite"
    async with StubServer(models=(MODEL,)) as upstream, StubServer() as critic:
        upstream.on(CHAT, chat_completion(DRAFT))
        upstream.on("/v1/completions", completion(DRAFT))
        critic.on(COMPLETIONS, reviewing())
        given = {"upstream": upstream.base_url, "critic": critic.base_url, "port": 0, **options}
        opened = open_gateway(
            GatewayOptions.model_validate(given),
            RunOptions.model_validate({"iterations": 1, **(loop or {})}),
            StoreOptions(store=store),
            heartbeat_s=heartbeat_s,
            body_s=body_s,
        )
        async with opened as gateway, aiohttp.ClientSession() as client:
            yield Running(gateway, upstream, critic, client, store)
