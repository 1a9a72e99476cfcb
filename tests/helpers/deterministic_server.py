"""A server, run as a process, that always gives the same answer to the same prompt.

It is a critic, an editor and a reward model.

A draft here is a text like ``Draft 7 ++``: every revision adds a ``+``, up to a number that depends
on the text before them; then nothing changes and the trajectory converges. So a prompt alone tells
which round it belongs to. Above temperature 0, where a round's further candidates are, a revision
loses every ``+``.

    python deterministic_server.py PORT

``GET /asked``      the rounds requested since the last ``POST /session``, in order:
                    ``[["Draft 7", 2, "critique"], ...]``, 2 being the version sent
``POST /session``   ``{"signal": 9, "after": 3}``: forget the requests; hold all answers until
                    ``/victim``; after the third request, send the signal to it. Or
                    ``{"refuse_after": 3}``: refuse the key from the fourth on
``GET /until/100``  answers after a hundred requests since the session began
``POST /victim``    ``{"pid": 123}``
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import zlib
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

CRITIQUE = "Overall score: 4\nPositive aspects: It is short.\nNegative aspects: It lacks a plus."
_DRAFT = re.compile(r"(Draft \d+)((?: \++)?)$", re.MULTILINE)
_MOST_PLUSES = 4


def pluses_of(name: str) -> int:
    """The number of ``+`` that a draft gets until it converges: 1 to 4."""
    return 1 + zlib.crc32(name.encode()) % _MOST_PLUSES


def text_after(name: str, rounds: int) -> str:
    """A draft's text after a number of rounds."""
    pluses = min(rounds, pluses_of(name))
    return f"{name} {'+' * pluses}" if pluses else name


def what_is_asked(prompt: str, *, is_critique: bool) -> tuple[str, int, str]:
    """The draft, the version sent and the kind of a request; a small request has no draft."""
    name, pluses = (_DRAFT.findall(prompt) or [("Hello", "")])[-1]
    return name, pluses.count("+"), "critique" if is_critique else "revision"


def reply_to(body: Mapping[str, Any]) -> dict[str, Any]:
    """The reply to a request with a prompt."""
    is_critique = bool(body.get("stop"))
    name, version, _ = what_is_asked(body["prompt"], is_critique=is_critique)
    revised = name if body.get("temperature") else text_after(name, version + 1)
    text = CRITIQUE if is_critique else revised
    choice = {"index": 0, "text": text, "finish_reason": "stop"}
    usage = {"prompt_tokens": 50, "completion_tokens": 20, "total_tokens": 70}
    return {"choices": [choice], "usage": usage}


class Answers:
    """The server's state: its requests, and which process to signal when."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, str]] = []
        self.released = asyncio.Event()
        self.released.set()
        self.arrived = 0
        self.arrival = asyncio.Condition()
        self.victim = 0
        self.signal = 0
        self.after: int | None = None
        self.refuse_after: int | None = None

    async def completion(self, request: web.Request) -> web.Response:
        """Answer a prompt."""
        body = await request.json()
        is_small = body.get("max_tokens") == 1  # about parameters or faults, not about a draft
        asked = what_is_asked(body["prompt"], is_critique=bool(body.get("stop")))
        await self._note(None if is_small else asked)
        return web.json_response(reply_to(body))

    async def reward(self, request: web.Request) -> web.Response:
        """The number of ``+`` of a response."""
        text = (await request.json())["messages"][-1]["content"]
        name, pluses, _ = what_is_asked(text, is_critique=False)
        await self._note(None if name == "Hello" else (name, pluses, "reward"))
        return web.json_response({"data": [{"index": 0, "probs": [pluses]}]})

    async def _note(self, asked: tuple[str, int, str] | None) -> None:
        """Note a request, unless it is small; then keep to the session's order."""
        if asked is not None:
            async with self.arrival:
                self.arrived += 1
                self.arrival.notify_all()
            await self.released.wait()
        if self.refuse_after is not None and self.arrived > self.refuse_after:
            raise web.HTTPUnauthorized
        if asked is not None:
            self.asked.append(asked)
            if self.after is not None and len(self.asked) == self.after:
                os.kill(self.victim, self.signal)

    async def session(self, request: web.Request) -> web.Response:
        """Start a new session."""
        order: dict[str, Any] = await request.json()
        self.asked.clear()
        self.arrived = 0
        self.refuse_after = order.get("refuse_after")
        self.signal, self.after = order.get("signal", 0), order.get("after")
        if self.after is not None:
            self.released.clear()
        return web.json_response({})

    async def name_victim(self, request: web.Request) -> web.Response:
        """Release the answers."""
        self.victim = (await request.json())["pid"]
        self.released.set()
        return web.json_response({})

    async def until_arrived(self, request: web.Request) -> web.Response:
        """Wait for a number of requests since the session began."""
        number = int(request.match_info["number"])
        async with self.arrival:
            await self.arrival.wait_for(lambda: self.arrived >= number)
        return web.json_response({})

    async def what_was_asked(self, _request: web.Request) -> web.Response:
        """The requests since the session began."""
        return web.json_response(self.asked)


async def _models(_request: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": [{"id": "answers", "object": "model"}]})


def app() -> web.Application:
    """The server."""
    answers = Answers()
    made = web.Application()
    made.router.add_get("/v1/models", _models)
    made.router.add_post("/v1/completions", answers.completion)
    made.router.add_post("/classify", answers.reward)
    made.router.add_post("/session", answers.session)
    made.router.add_post("/victim", answers.name_victim)
    made.router.add_get("/asked", answers.what_was_asked)
    made.router.add_get("/until/{number}", answers.until_arrived)
    return made


async def _serve(port: int) -> None:
    runner = web.AppRunner(app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print(runner.addresses[0][1], flush=True)  # noqa: T201 - reports its port
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
