"""An answer as server-sent events: signs of life while rounds run, then the text in deltas."""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from revloop.gateway.answering import AnswerUnderWay, FullAnswer
    from revloop.gateway.refusals import RefusedRequestError

_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",  # nginx would hold the events back
}
_HEARTBEAT = b": the answer is being revised\n\n"
_DONE = b"data: [DONE]\n\n"
_PIECE = re.compile(r".{1,60}(?:\s+|$)|.{1,60}", re.DOTALL)
"""A delta: some words. Together they are the text, letter by letter."""


class EventStream:
    """Streams one answer.

    Args:
        request: The client's request.
        under_way: What it asks for.
        headers: Headers of the response.
        heartbeat_s: Seconds between two signs of life.
    """

    def __init__(
        self,
        request: web.Request,
        under_way: AnswerUnderWay,
        headers: Mapping[str, str],
        *,
        heartbeat_s: float,
    ) -> None:
        self._request = request
        self._asked, self._id = under_way.asked, under_way.id
        self._response = web.StreamResponse(headers={**headers, **_HEADERS})
        self._heartbeat_s = heartbeat_s
        self._began_at = int(time.time())
        self._lines: list[str] = []
        self._news = asyncio.Event()
        if self._asked.tells_progress:
            under_way.tell = self._tell

    async def send(
        self,
        answer: Callable[[], Awaitable[FullAnswer]],
        refusal: Callable[[Exception], RefusedRequestError],
    ) -> web.StreamResponse:
        """Send the answer when it is there; what fails before the first event raises its error.

        Args:
            answer: Makes the answer.
            refusal: Translates its errors, once the stream has begun.
        """
        work = asyncio.ensure_future(answer())
        work.add_done_callback(lambda _: self._news.set())
        try:
            await self._wait()
            if not work.done():
                await self._response.prepare(self._request)
                await self._live_until(work)
            if not self._response.prepared:
                full = work.result()
                await self._response.prepare(self._request)
                await self._send_all(full)
            elif (error := work.exception()) is None:
                await self._send_all(work.result())
            elif isinstance(error, Exception):
                await self._event(refusal(error).body)
            await self._response.write(_DONE)
        finally:
            work.cancel()
            with anyio.CancelScope(shield=True):  # what it made so far is to be stored
                await asyncio.wait([work])
        return self._response

    def _tell(self, line: str) -> None:
        self._lines.append(line)
        self._news.set()

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), self._heartbeat_s)
        self._news.clear()

    async def _live_until(self, work: asyncio.Future[FullAnswer]) -> None:
        while not work.done():
            await self._send_lines()
            await self._wait()
            if not self._lines and not work.done():
                await self._response.write(_HEARTBEAT)
        await self._send_lines()

    async def _send_lines(self) -> None:
        lines, self._lines = self._lines, []
        for line in lines:
            if self._asked.kind == "chat/completions":
                choice = {"index": 0, "delta": {"reasoning_content": f"{line}\n"}}
                await self._event(self._chunk({"choices": [choice | {"finish_reason": None}]}))
            else:
                await self._response.write(f": {line}\n\n".encode())

    async def _send_all(self, full: FullAnswer) -> None:
        changes = [
            {"index": choice.get("index", number), **change}
            for number, choice in enumerate(full.reply["choices"])
            for change in _changes(choice)
        ]
        for change in changes[:-1]:
            await self._event(self._chunk({"choices": [change]}, full))
        # many clients read the first choice of every chunk: only usage comes without one
        last = {"choices": changes[-1:], "revloop": full.reply["revloop"]}
        await self._event(self._chunk(last, full))
        if self._asked.includes_usage:
            usage = {"choices": [], "usage": full.reply["usage"]}
            await self._event(self._chunk(usage, full))

    def _chunk(self, content: Mapping[str, Any], full: FullAnswer | None = None) -> dict[str, Any]:
        is_chat = self._asked.kind == "chat/completions"
        reply = {} if full is None else full.reply
        return {
            "id": self._id,
            "object": "chat.completion.chunk" if is_chat else "text_completion",
            "created": reply.get("created", self._began_at),
            "model": self._asked.model,
            **content,
        }

    async def _event(self, data: Mapping[str, Any]) -> None:
        await self._response.write(f"data: {json.dumps(data)}\n\n".encode())


def pieces_of(text: str) -> list[str]:
    """A text in deltas of some words each."""
    return _PIECE.findall(text)


def _changes(choice: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A choice as changes: its text piece by piece, then everything else, then its end."""
    message = choice.get("message")
    end = {"finish_reason": choice.get("finish_reason") or "stop"}
    if message is None:
        for piece in pieces_of(choice.get("text") or ""):
            yield {"text": piece, "finish_reason": None}
        yield {"text": "", **end}
        return
    yield {"delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    text = message.get("content")
    for piece in pieces_of(text) if isinstance(text, str) else ():
        yield {"delta": {"content": piece}, "finish_reason": None}
    if rest := _rest(message):
        yield {"delta": rest, "finish_reason": None}
    yield {"delta": {}, **end}


def _rest(message: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a message beside role and text; calls are numbered, as in every stream."""
    rest = {
        name: value
        for name, value in message.items()
        if name not in {"role", "content"} and value not in (None, [], "")
    }
    if isinstance(rest.get("tool_calls"), list):
        rest["tool_calls"] = [
            {"index": number, **call} for number, call in enumerate(rest["tool_calls"])
        ]
    return rest
