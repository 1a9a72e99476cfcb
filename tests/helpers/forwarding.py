"""An address of its own in front of a real vLLM server, which records what it is asked for.

It also scores texts, as vLLM's `/classify` does for a reward model: the reward of a response is the
mean log probability that the served model gives its tokens.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PASSED_ON = {"Content-Type"}
_DIGITS = 3  # of a reward: those after them depend on what else is in the server's batch


class Front:
    """Forwards requests to a server.

    Attributes:
        base_url: Its own address.
        asked: The kinds of what it was asked for: critiques, revisions and rewards.
    """

    def __init__(self, server: str, session: aiohttp.ClientSession) -> None:
        self.base_url = ""
        self.asked: list[str] = []
        self._server = server
        self._session = session

    async def forward(self, request: web.Request) -> web.Response:
        """Ask the server the same."""
        if request.path == "/v1/completions":
            asked = await request.json()
            if asked["max_tokens"] > 1:  # not a trial
                self.asked.append("critique" if asked.get("stop") else "revision")
        headers = {name: request.headers[name] for name in _PASSED_ON & set(request.headers)}
        async with self._session.request(
            *(request.method, self._server + request.path_qs),
            data=await request.read(),
            headers=headers,
        ) as reply:
            return web.Response(
                status=reply.status, body=await reply.read(), content_type=reply.content_type
            )

    async def score(self, request: web.Request) -> web.Response:
        """The reward of the last message."""
        asked = await request.json()
        self.asked.append("reward")
        body = {
            "model": asked["model"],
            "prompt": asked["messages"][-1]["content"],
            "max_tokens": 1,
            "prompt_logprobs": 0,
        }
        async with self._session.post(f"{self._server}/v1/completions", json=body) as reply:
            found: list[dict[str, Any] | None] = (await reply.json())["choices"][0][
                "prompt_logprobs"
            ]
        known = [next(iter(token.values()))["logprob"] for token in found if token]
        reward = round(sum(known) / max(1, len(known)), _DIGITS)
        return web.json_response({"data": [{"index": 0, "probs": [reward]}]})


@asynccontextmanager
async def front_of(server: str) -> AsyncIterator[Front]:
    """A front of a server, on a free port."""
    async with aiohttp.ClientSession() as session:
        front = Front(server, session)
        app = web.Application()
        app.router.add_post("/classify", front.score)
        app.router.add_route("*", "/{path:.*}", front.forward)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        front.base_url = "http://127.0.0.1:{1}".format(*runner.addresses[0])
        try:
            yield front
        finally:
            await runner.cleanup()
