"""A small OpenAI-compatible server for tests: real HTTP over loopback, with scripted faults.

    async with StubServer() as server:
        server.on(COMPLETIONS, error(503), completion("Better."))
        ...  # talk to server.base_url
        assert len(server.asked(COMPLETIONS)) == 2

Every path has a queue of *behaviours*, one per request, in order; the last one repeats. A behaviour
is an async function from a request to a response. This module provides:

    answer(...)             a complete answer: status, headers, and a body (JSON, text, bytes)
    completion(...)         a good answer of /v1/completions
    chat_completion(...)    a good answer of /v1/chat/completions
    model_list(...)         a good answer of /v1/models
    tokens_of(folder)       a good answer of vLLM's /tokenize
    error(...)              an error in OpenAI's format
    redirect(...)           302 to another address
    half(...)               half of a body, then the connection closes
    reset()                 the connection is reset, before or within the answer
    raw(...)                any bytes, HTTP or not
    hang()                  no answer until client or server close

Without a script, a server lists its models and answers "A better text." to everything. As a
stand-in for vLLM (``vllm_root``) it also reports its version and tokenises. ``server.requests``
records all requests.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web
from tokenizers import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from multidict import CIMultiDictProxy

MODELS = "/v1/models"
VERSION = "/version"
TOKENIZE = "/tokenize"
COMPLETIONS = "/v1/completions"
CHAT = "/v1/chat/completions"
TEXT = "A better text."
TINY_CRITIC = Path(__file__).parent / "tiny_critic"

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]

_closing = web.AppKey("closing", asyncio.Event)
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with a time of zero: reset
_GRACE_S = 1.0


@dataclass(frozen=True, slots=True)
class Received:
    """A received request.

    Attributes:
        method: GET or POST.
        path: Path and query.
        headers: Case-insensitive.
        body: The parsed JSON; None if there was no body.
    """

    method: str
    path: str
    headers: CIMultiDictProxy[str]
    body: Any


class StubServer:
    """A server on a port of 127.0.0.1, up within ``async with``.

    Args:
        models: The names that /v1/models lists.
        vllm_root: Makes it a stand-in for vLLM that serves this folder.
        max_model_len: The context length that it reports, in tokens; None: none.
        port: Its port; 0: a free one.

    Attributes:
        scripts_first_contact: Whether the small request before a run, by which an engine finds out
            which parameters are accepted, is scripted and recorded like any other. Otherwise it is
            answered, and nothing else happens.
    """

    def __init__(
        self,
        *,
        models: Sequence[str] = ("critic",),
        vllm_root: str | None = None,
        max_model_len: int | None = None,
        port: int = 0,
    ) -> None:
        self.base_url = ""
        self._port = port
        self.scripts_first_contact = False
        self.requests: list[Received] = []
        self._queues: dict[str, list[Behaviour]] = defaultdict(lambda: [error(404)])
        self._arrival = asyncio.Condition()
        entry: dict[str, Any] = {"object": "model", "max_model_len": max_model_len}
        if vllm_root is not None:
            entry |= {"owned_by": "vllm", "root": vllm_root}
            self.on(VERSION, answer({"version": "0.32.0"}))
            self.on(TOKENIZE, tokens_of(TINY_CRITIC))
        self.on(MODELS, model_list(*({**entry, "id": model} for model in models)))
        self.on(COMPLETIONS, completion())
        self.on(CHAT, chat_completion())

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**30)
        app[_closing] = asyncio.Event()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=_GRACE_S
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner.app is not None
        self._runner.app[_closing].set()
        await self._runner.cleanup()

    def on(self, path: str, *behaviours: Behaviour) -> None:
        """Answer requests for a path with these, in order; the last one repeats."""
        self._queues[path] = list(behaviours)

    def asked(self, path: str) -> list[Received]:
        """The requests for a path, oldest first."""
        return [request for request in self.requests if request.path == path]

    async def until_asked(self, path: str, times: int = 1) -> None:
        """Wait for a number of requests for a path."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.asked(path)) >= times)

    def _is_first_contact(self, path: str, body: Any) -> bool:
        last = self.requests[-1].path if self.requests else ""
        if path not in {CHAT, COMPLETIONS} or last != MODELS:
            return False
        said = body["messages"][0]["content"] if path == CHAT else body["prompt"]
        return (said, body.get("max_tokens")) == ("Hello.", 1)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read() or "null")
        if not self.scripts_first_contact and self._is_first_contact(request.path, body):
            return await (chat_completion() if request.path == CHAT else completion())(request)
        async with self._arrival:
            self.requests.append(Received(request.method, request.path_qs, request.headers, body))
            self._arrival.notify_all()
        queue = self._queues[request.path]
        behaviour = queue.pop(0) if len(queue) > 1 else queue[0]
        return await behaviour(request)


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Behaviour:
    """A complete answer. Text and bytes are sent unchanged, everything else as JSON."""
    data = _as_bytes(body)

    async def behave(request: web.Request) -> web.StreamResponse:
        return web.Response(body=data, status=status, headers=headers)

    return behave


def completion(
    text: str = TEXT, *, usage: Mapping[str, Any] | None = None, **choice: Any
) -> Behaviour:
    """A good answer of /v1/completions, with extra fields in its choice."""
    choice = {"index": 0, "text": text, "finish_reason": "stop"} | choice
    return answer({"object": "text_completion", "choices": [choice], "usage": _usage(usage)})


def chat_completion(text: str = TEXT, **choice: Any) -> Behaviour:
    """A good answer of /v1/chat/completions, with extra fields in its choice."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"} | choice
    return answer({"object": "chat.completion", "choices": [choice], "usage": _usage(None)})


def model_list(*entries: Mapping[str, Any]) -> Behaviour:
    """A good answer of /v1/models."""
    return answer({"object": "list", "data": list(entries)})


def tokens_of(folder: Path) -> Behaviour:
    """A good answer of vLLM's /tokenize, with the tokenizer of a folder."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    async def behave(request: web.Request) -> web.StreamResponse:
        ids = tokenizer.encode((await request.json())["prompt"]).ids
        return web.json_response({"count": len(ids), "max_model_len": 512, "tokens": ids})

    return behave


def error(
    status: int, message: str = "Not now.", headers: Mapping[str, str] | None = None
) -> Behaviour:
    """An error in the format of OpenAI-compatible servers."""
    return answer({"error": {"message": message, "code": status}}, status, headers)


def redirect(target: str) -> Behaviour:
    """302 to another address."""
    return answer("", 302, {"Location": target})


def half(body: Any, *, then_reset: bool = False) -> Behaviour:
    """Half of the announced body, then the connection closes.

    Args:
        body: As for :func:`answer`.
        then_reset: Whether the connection is reset instead of closed.
    """
    data = _as_bytes(body)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n"
    return raw(head.encode() + data[: len(data) // 2], then_reset=then_reset)


def reset() -> Behaviour:
    """A connection reset without an answer."""
    return raw(b"", then_reset=True)


def raw(data: bytes, *, then_reset: bool = False) -> Behaviour:
    """Any bytes, HTTP or not; then the connection closes."""

    async def behave(request: web.Request) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None
        transport.write(data)
        if then_reset:
            connection: socket.socket = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            transport.abort()
        else:
            transport.close()
        return web.Response()  # never sent

    return behave


def hang() -> Behaviour:
    """No answer until the client gives up or the server stops."""

    async def behave(request: web.Request) -> web.StreamResponse:
        await request.app[_closing].wait()
        return web.Response(status=503)

    return behave


def _as_bytes(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def _usage(more: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10} | dict(more or {})
