"""A completion server whose open requests share its speed, like a model on a few CPU cores."""

from __future__ import annotations

import asyncio
from typing import Self

from aiohttp import web

from tests.helpers.stub_server import MODELS, TEXT

_STEP_S = 0.005


class SlowServer:
    """Generates the same reply to each request, as fast as the number of open requests lets it.

    A request that its client gives up is forgotten, with what was generated for it.

    Args:
        reply_s: Seconds that a reply takes if it is the only one.

    Attributes:
        base_url: Its address.
        answered: Requests that were answered.
        given_up: Requests that were given up.
        most_open: The most requests that were open at once.
    """

    def __init__(self, reply_s: float) -> None:
        self.base_url = ""
        self.answered = self.given_up = self.most_open = 0
        self._reply_s = reply_s
        self._open = 0
        app = web.Application()
        app.router.add_get(MODELS, self._models)
        app.router.add_post("/v1/completions", self._complete)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _models(self, _request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "slow", "object": "model"}]})

    async def _complete(self, _request: web.Request) -> web.Response:
        self._open += 1
        self.most_open = max(self.most_open, self._open)
        done_s = 0.0
        try:
            while done_s < self._reply_s:
                await asyncio.sleep(_STEP_S)
                done_s += _STEP_S / self._open
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        finally:
            self._open -= 1
        self.answered += 1
        choice = {"index": 0, "text": TEXT, "finish_reason": "stop"}
        usage = {"prompt_tokens": 3, "completion_tokens": 5}
        return web.json_response({"choices": [choice], "usage": usage})
