"""A faulty server: real HTTP over loopback, written byte by byte to allow any fault.

async with FaultyServer(Plan({Fault.BUSY: 0.3})) as server:
    ...  # talk to server.base_url
assert server.wasted == []
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

from .critic import answer
from .kinds import Fault, Plan

if TYPE_CHECKING:
    from collections.abc import Mapping

Behind = Callable[[str, str, bytes], tuple[int, dict[str, Any]]]
"""Answers a method, a path and a body without a fault: status and JSON."""

_HTML = "<html><head><title>502 Bad Gateway</title></head><body>nginx. {}</body></html>"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with a time of zero: reset
_PIECE = b"x" * 65536
_GIGABYTE = 2**30
_LATER_S = 3600


@dataclass(frozen=True, slots=True)
class Request:
    """A received request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def key(self) -> str:
        """Its API key, which error messages of this server repeat."""
        return self.headers.get("authorization", "no key").removeprefix("Bearer ")

    @property
    def is_small(self) -> bool:
        """Whether it asks for one token: about parameters or faults, not about a draft."""
        return self.method == "POST" and json.loads(self.body).get("max_tokens") == 1

    @property
    def content(self) -> str:
        """Identifies its content: equal requests have the same name."""
        asked = f"{self.method} {self.path}\n".encode() + self.body
        return hashlib.sha256(asked).hexdigest()[:16]


_SMALL_REPLY = {
    "choices": [{"text": "So", "message": {"content": "So"}, "finish_reason": "length"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
}


class FaultyServer:
    """A server on a free port of 127.0.0.1, up within ``async with``.

    The small request after the list of models, by which an engine finds out which parameters are
    accepted, is answered, and nothing else happens.

    Args:
        plan: Which request meets which fault.
        behind: Answers the others.
        away_s: Seconds that the port stays closed.
        late_s: Seconds until a late answer; more than the client's deadline.
        drip_s: Seconds between the bytes of a slow answer.

    Attributes:
        plan: Which request meets which fault; it may be changed while the server is up.
        base_url: Its address.
        asked: How often each content was asked.
        met: How often each fault was met.
        wasted: What was to be generated again after a good answer, once for each time.
        strayed: Connections to the other host that redirects name.
        was_asked: Set by the first request.
        is_open: Set while the port is open.
        is_held: Set by the first request that is held.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        behind: Behind = answer,
        away_s: float = 0.01,
        late_s: float = 30.0,
        drip_s: float = 0.05,
    ) -> None:
        self.base_url = ""
        self.asked: Counter[str] = Counter()
        self.met: Counter[Fault] = Counter()
        self.wasted: list[str] = []
        self.strayed = 0
        self.was_asked = asyncio.Event()
        self.is_open = asyncio.Event()
        self.is_held = asyncio.Event()
        self.plan = plan
        self._last_path = ""
        self._held_from: int | None = None
        self._let_go = asyncio.Event()
        self._behind = behind
        self._away_s, self._late_s, self._drip_s = away_s, late_s, drip_s
        self._answered: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: socket.socket | None = None
        self._coming_back: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        # bound but never listening: reserves the port while it is closed, so that connections are
        # refused
        self._placeholder = _bound(0)
        self._port = self._placeholder.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self._port}"
        self._elsewhere = await asyncio.start_server(self._stray, "127.0.0.1", 0)
        self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._coming_back is not None:
            self._coming_back.cancel()
        self._elsewhere.close()
        self._close_port()
        await asyncio.sleep(0)  # a task that is cancelled before its first step closes nothing
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._placeholder.close()

    @property
    def other_host(self) -> str:
        """Where redirects lead."""
        port = self._elsewhere.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    @property
    def requests(self) -> int:
        """All requests together."""
        return self.asked.total()

    @property
    def extra(self) -> int:
        """Requests beyond the first for each content."""
        return self.requests - len(self.asked)

    def hold_from(self, number: int) -> None:
        """Hold answers from this request on, counted from 1, until :meth:`let_go`."""
        self._held_from = number

    def let_go(self) -> None:
        """Answer held and later requests."""
        self._held_from = None
        self._let_go.set()

    def _listen(self) -> None:
        # not asyncio's own server: if it is closed while it accepts a connection, that connection
        # is neither served nor closed (a silent AssertionError in Server._attach)
        self._listening = _bound(self._port)
        self._listening.setblocking(False)
        self._listening.listen(1024)
        asyncio.get_running_loop().add_reader(self._listening, self._accept, self._listening)
        self.is_open.set()

    def _accept(self, listening: socket.socket) -> None:
        connection, _ = listening.accept()
        task = asyncio.create_task(self._serve(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _close_port(self) -> None:
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()
            self._listening = None
            self.is_open.clear()

    def _go_away(self) -> None:
        """Close the port for a while, unless it is closed."""
        if self._listening is not None:
            self._close_port()
            self._coming_back = asyncio.get_running_loop().call_later(self._away_s, self._listen)

    def _stray(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.strayed += 1
        writer.close()

    async def _serve(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            while (request := await _read(reader)) is not None:
                await self._treat(request, reader, writer)
                if writer.is_closing():
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client has given up, or the server ends
        finally:
            writer.transport.abort()

    async def _treat(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        is_first_contact = request.is_small and self._last_path == "/v1/models"
        self._last_path = request.path
        if is_first_contact:
            writer.write(_whole(200, json.dumps(_SMALL_REPLY).encode()))
            await writer.drain()
            return
        content = request.content
        if content in self._answered and request.method == "POST":
            self.wasted.append(content)
        is_spared = request.path in self.plan.spared
        fault = None if is_spared else self.plan.fault_of(content, self.asked[content])
        self.asked[content] += 1
        self.was_asked.set()
        if self._held_from is not None and self.requests >= self._held_from:
            self.is_held.set()
            await _until_set(self._let_go, reader)
        if fault is not None:
            self.met[fault] += 1
            await self._misbehave(fault, request, reader, writer)
            return
        status, reply = self._behind(request.method, request.path, request.body)
        writer.write(_whole(status, json.dumps(reply).encode()))
        await writer.drain()
        self._answered.add(content)

    async def _misbehave(
        self,
        fault: Fault,
        request: Request,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        status, reply = self._behind(request.method, request.path, request.body)
        good = _whole(status, json.dumps(reply).encode())
        match fault:
            case Fault.REFUSED:
                _reset(writer)
                self._go_away()
            case Fault.RESET:
                await _send(writer, good[: len(good) - 20])
                _reset(writer)
            case Fault.LATE:
                await _unless_gone(reader, self._late_s)
                await _send(writer, good)
            case Fault.DRIP:
                for byte in good:
                    await _send(writer, bytes([byte]))
                    await _unless_gone(reader, self._drip_s)
            case Fault.WEDGED:
                await _unless_gone(reader, _LATER_S)
            case Fault.ENDLESS:
                await _send_without_end(writer)
            case Fault.REDIRECT:
                target = f"Location: {self.other_host}{request.path}?key={request.key}"
                await _send(writer, _whole(307, b"", target))
            case _ if fault in _ERRORS:
                await _send(writer, _ERRORS[fault](request.key))
            case _:
                await _send(writer, _WRONG[fault](reply))


def _whole(status: int, body: bytes, *headers: str) -> bytes:
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _error(status: int, key: str, *headers: str) -> bytes:
    body = {"error": {"message": f"Not now, {key}.", "code": status}}
    return _whole(status, json.dumps(body).encode(), *headers)


def _page(status: int, key: str) -> bytes:
    return _whole(status, _HTML.format(key).encode(), "Content-Type: text/html")


def _date() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=_LATER_S), usegmt=True)


def _with_choices(reply: Mapping[str, Any], choices: list[dict[str, Any]]) -> bytes:
    return _whole(200, json.dumps({"object": reply["object"], "choices": choices}).encode())


def _unknown_finish(reply: Mapping[str, Any]) -> bytes:
    choices = reply.get("choices", [])
    return _with_choices(reply, [choice | {"finish_reason": "abort"} for choice in choices])


@cache
def _packed() -> bytes:
    """A gigabyte of spaces, compressed into a megabyte."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)  # -15: nothing around it
    block = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    head = b"\x1f\x8b\x08" + bytes(7)
    body = head + block * (_GIGABYTE // 2**20)
    return _whole(200, body, "Content-Encoding: gzip")


_ERRORS: dict[Fault, Callable[[str], bytes]] = {
    Fault.BUSY: lambda key: _error(429, key),
    Fault.BUSY_SECONDS: lambda key: _error(429, key, f"Retry-After: {_LATER_S}"),
    Fault.BUSY_DATE: lambda key: _error(429, key, f"Retry-After: {_date()}"),
    Fault.ERROR_500: lambda key: _error(500, key),
    Fault.ERROR_502: lambda key: _page(502, key),
    Fault.ERROR_503: lambda key: _error(503, key),
    Fault.HTML: lambda key: _page(200, key),
}
_WRONG: dict[Fault, Callable[[dict[str, Any]], bytes]] = {
    Fault.TRUNCATED_JSON: lambda reply: _whole(200, json.dumps(reply).encode()[:-5]),
    Fault.WRONG_SHAPE: lambda reply: _whole(200, json.dumps([reply]).encode()),
    Fault.NO_CHOICES: lambda reply: _with_choices(reply, []),
    Fault.UNKNOWN_FINISH: _unknown_finish,
    Fault.PACKED: lambda _: _packed(),
}


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def _unless_gone(reader: asyncio.StreamReader, wait_s: float) -> None:
    """Wait.

    Raises:
        ConnectionResetError: The client has gone.
    """
    try:
        await asyncio.wait_for(reader.read(1), wait_s)
    except TimeoutError:
        return
    raise ConnectionResetError


async def _until_set(event: asyncio.Event, reader: asyncio.StreamReader) -> None:
    """Wait.

    Raises:
        ConnectionResetError: The client has gone.
    """
    gone, is_set = asyncio.create_task(reader.read(1)), asyncio.create_task(event.wait())
    try:
        await asyncio.wait({gone, is_set}, return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            gone.result()
            raise ConnectionResetError
    finally:
        gone.cancel()
        is_set.cancel()
        await asyncio.wait({gone, is_set})  # a stream allows one reader at a time


async def _send_without_end(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    piece = f"{len(_PIECE):x}\r\n".encode() + _PIECE + b"\r\n"
    while True:
        writer.write(piece)
        await writer.drain()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection, or None if the client has closed it."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").splitlines()
        pairs = (line.split(":", 1) for line in lines if line)
        headers = {name.lower(): value.strip() for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    except asyncio.IncompleteReadError:
        return None
    method, path, _ = first.split(" ")
    return Request(method, path, headers, body)


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
