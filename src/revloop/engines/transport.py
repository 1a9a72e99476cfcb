"""Requests to one HTTP server: deadlines, retries, and every failure as an error of ours.

The client is aiohttp: at 256 requests in flight it costs 0.3 ms of CPU a request, where httpx (and
the OpenAI client on top of it) costs 12 to 20 ms and lets the server idle.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
from yarl import URL

from revloop.engines.address import Address
from revloop.engines.blame import Blame, Health
from revloop.engines.classify import one_line
from revloop.engines.outage import Faults, Outage
from revloop.engines.replies import check_reply, check_status, json_object
from revloop.errors import (
    BadReplyError,
    EngineError,
    InputError,
    TransientError,
    UnreachableError,
)

if TYPE_CHECKING:
    from pydantic import SecretStr

    from revloop.engines.blame import Probe
    from revloop.engines.retry import RetryPolicy

Read = TypeVar("Read")
Reader = Callable[[Mapping[str, Any], str], Read]
"""Takes what is wanted out of a reply; the second argument names the server for messages."""

_LARGE_BODY_BYTES = 2**20
_REPLY_BYTES = 8 * 2**20
_REPLY_BYTES_PER_TOKEN = 2**10
_NOT_PACKED = {"Accept-Encoding": "identity"}
_TURNED_AWAY = {408, 429, 503}
_METRICS_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
_IDLE_CONNECTION_S = 4.0
"""An idle connection is not used again after this: vLLM, like every uvicorn server, closes it after
5 s (``VLLM_HTTP_TIMEOUT_KEEP_ALIVE``), and a request that is sent at that moment must be sent
again. aiohttp's own default is 15 s."""
_NO_CONNECTION_LIMIT = 0  # the loop's own limiter decides how many requests are in flight


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a request may take before it is given up and tried again.

    The limits are on the whole answer, so a server that sends a byte now and then does not get
    round them. With those here a request for 512 tokens has 376 seconds.

    Attributes:
        connect_s: Seconds until the connection stands.
        answer_s: Seconds until the whole answer is there, apart from generating it.
        token_s: Seconds more for each token that was asked for: a server that is full of other
            work is slow, not dead.
    """

    connect_s: float = 10.0
    answer_s: float = 120.0
    token_s: float = 0.5

    def timeout(self, max_tokens: int = 0) -> aiohttp.ClientTimeout:
        """The limits for one request of so many tokens."""
        total_s = self.answer_s + self.token_s * max_tokens
        return aiohttp.ClientTimeout(total=total_s, sock_connect=self.connect_s)


def largest_reply_bytes(max_tokens: int = 0) -> int:
    """Most bytes that are read of the reply to one request: what is longer is no honest answer.

    A token is seldom more than a hundred bytes, its id and JSON's escapes included; the part that
    does not grow has room for a long list of models, or for the token ids of a long prompt.
    """
    return _REPLY_BYTES + _REPLY_BYTES_PER_TOKEN * max_tokens


@dataclass(frozen=True, slots=True)
class _Call:
    """A request as it is sent, as often as it must be."""

    method: str
    path: str
    body: Mapping[str, Any] | None
    timeout: aiohttp.ClientTimeout
    max_tokens: int


class Transport:
    """Connections to one server. To be made, used and closed in the same event loop.

    Args:
        base_url: The server's address: see :meth:`~revloop.engines.address.Address.read`.
        api_key: Sent to this server alone, as bearer token (and as ``api-key`` with Azure's
            ``?api-version=``): redirects are not followed.
        deadlines: When to give a request up.

    Attributes:
        refused: Requests that were turned away for the moment, or not answered in time.
        outage: How long the server has answered nobody.
        faults: What went wrong with requests that were sent again; None while nothing has.
        root: Where the API begins, after :attr:`address`.

    Raises:
        InputError: The address or its proxy cannot be used, or the key cannot stand in a header.
    """

    def __init__(self, base_url: str, *, api_key: SecretStr | None, deadlines: Deadlines) -> None:
        self.refused = 0
        self.outage = Outage()
        self.faults: Faults | None = None
        self._address = Address.read(base_url)
        self.root = self._address.roots[0]
        self._health = Health()
        self._deadlines = deadlines
        self._key = "" if api_key is None else _usable_key(api_key)
        self._session = aiohttp.ClientSession(
            headers=_NOT_PACKED | self._key_headers(),
            connector=aiohttp.TCPConnector(
                limit=_NO_CONNECTION_LIMIT, keepalive_timeout=_IDLE_CONNECTION_S
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )

    @property
    def address(self) -> str:
        """The server's address, without ``/v1``."""
        return self._address.server

    @property
    def roots(self) -> tuple[str, ...]:
        """Where the API may begin, the likeliest first."""
        return self._address.roots

    async def ask(
        self,
        method: str,
        path: str,
        read: Reader[Read],
        retries: RetryPolicy,
        *,
        body: Mapping[str, Any] | None = None,
        max_tokens: int = 0,
        small_body: Callable[[], Mapping[str, Any]] | None = None,
    ) -> tuple[Read, int]:
        """Send a request as often as the policy allows.

        Reading is part of each try: an answer out of form is asked for again.

        Args:
            method: GET or POST.
            path: After :attr:`address`.
            read: Takes what is wanted out of the reply.
            retries: When to send it again.
            body: Sent as JSON.
            max_tokens: Most tokens to be generated, for the deadline.
            small_body: Makes a small request of the same kind, sent once where nothing else tells
                whether a fault is this request's or the server's.

        Returns:
            What was read, and how many times the request was sent again.

        Raises:
            EngineError: The request failed for good; the class says how.
            EngineGoneError: The server stayed away longer than the policy waits for it.
        """
        call = _Call(method, path, body, self._deadlines.timeout(max_tokens), max_tokens)
        probe: Probe | None = None
        if small_body is not None:
            probe = partial(self._ask_small, method, path, small_body, read)
        blame = Blame(self._health, self.outage, probe, limit=retries.fault_attempts)
        try:
            return await self._try(call, read, blame), 0
        except TransientError as exc:
            failed = exc  # tenacity comes in only now: it costs as much as the request itself
        async for attempt in retries.retrying(self.outage, self._note_retry):
            with attempt:
                if attempt.retry_state.attempt_number == 1:
                    raise failed
                answer = await self._try(call, read, blame)
        return answer, attempt.retry_state.attempt_number - 1

    async def text(self, path: str) -> str | None:
        """What the server says at a path, asked once; None where it says nothing of use."""
        where = self.address + path
        try:
            async with self._session.get(
                self._url(where),
                timeout=_METRICS_TIMEOUT,
                allow_redirects=False,
                proxy=self._address.proxy,
            ) as response:
                raw = await _read_bounded(response, where, largest_reply_bytes())
        except (TimeoutError, aiohttp.ClientError, ConnectionError, BadReplyError):
            return None
        return raw.decode("utf-8", "replace") if response.status == 200 else None

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _ask_small(
        self,
        method: str,
        path: str,
        make_body: Callable[[], Mapping[str, Any]],
        read: Reader[Read],
    ) -> Read:
        call = _Call(method, path, make_body(), self._deadlines.timeout(1), 1)
        return await self._read_once(call, read)

    async def _try(self, call: _Call, read: Reader[Read], blame: Blame) -> Read:
        try:
            answer = await self._read_once(call, read)
        except EngineError as exc:
            if (weighed := await blame.weigh(exc)) is exc:
                raise
            raise weighed from exc
        if call.max_tokens:
            self._health.note_answer()
        return answer

    async def _read_once(self, call: _Call, read: Reader[Read]) -> Read:
        where = self.address + call.path
        try:
            response, raw = await self._exchange(call, where)
        except TransientError as exc:
            self.outage.note_failure(exc)
            raise
        self.outage.note_status(response.status)
        self.refused += response.status in _TURNED_AWAY
        model = "" if call.body is None else call.body["model"]
        quoted = self._without_key
        check_status(response.status, response.headers, raw, where, model=model, quoted=quoted)
        reply = json_object(raw, where, quoted=quoted)
        check_reply(reply, where, model=model, quoted=quoted)
        answer = read(reply, where)
        self.outage.note_answer()
        return answer

    async def _exchange(self, call: _Call, where: str) -> tuple[aiohttp.ClientResponse, bytes]:
        """Send a request once and read the whole answer, whatever its status."""
        timeout, most_bytes = call.timeout, largest_reply_bytes(call.max_tokens)
        try:
            async with self._session.request(
                call.method,
                self._url(where),
                **_sent(call.body),
                timeout=timeout,
                allow_redirects=False,
                proxy=self._address.proxy,
            ) as response:
                return response, await _read_bounded(response, where, most_bytes)
        except TimeoutError as exc:
            self.refused += 1
            raise UnreachableError(f"{where} gave no answer within {timeout.total:g} s.") from exc
        except aiohttp.ClientPayloadError as exc:
            raise BadReplyError(f"{where} broke off in the middle of its answer.") from exc
        except (aiohttp.ClientError, ConnectionError, asyncio.IncompleteReadError) as exc:
            raise UnreachableError(
                f"{where} cannot be reached: {_reason(exc)}. Is the server running?"
            ) from exc

    def _url(self, where: str) -> URL:
        query = self._address.query
        return URL(f"{where}?{query}" if query else where)

    def _key_headers(self) -> dict[str, str]:
        if not self._key:
            return {}
        azures = {"api-key": self._key} if self._address.wants_azures_header else {}
        return {"Authorization": f"Bearer {self._key}", **azures}

    def _note_retry(self, error: BaseException) -> None:
        before = 0 if self.faults is None else self.faults.retries
        self.faults = Faults(before + 1, str(error))

    def _without_key(self, said: bytes) -> bytes:
        """What a server said, to be quoted, without the key: some servers repeat it."""
        return said.replace(self._key.encode(), b"(the key)") if self._key else said


def _sent(body: Mapping[str, Any] | None) -> dict[str, Any]:
    """What aiohttp is given to send a body as JSON: a large one goes out piece by piece."""
    if body is None:
        return {}
    raw = json.dumps(body).encode()
    data = io.BytesIO(raw) if len(raw) > _LARGE_BODY_BYTES else raw
    return {"data": data, "headers": {"Content-Type": "application/json"}}


def _usable_key(api_key: SecretStr) -> str:
    key = api_key.get_secret_value().strip()
    if not key.isascii() or not key.isprintable():
        raise InputError("The API key holds characters that cannot stand in an HTTP header.")
    return key


async def _read_bounded(response: aiohttp.ClientResponse, where: str, most_bytes: int) -> bytes:
    """The body, unless it is larger than any honest answer, or packed.

    Nobody asked for a packed body, and a small one may unpack to any size.
    """
    coding = response.headers.get("Content-Encoding", "identity")
    if coding.strip().lower() not in {"", "identity"}:
        raise BadReplyError(f"{where} answers in a packed form ({one_line(coding)}), unasked.")
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most_bytes:
            raise BadReplyError(f"{where} answers with more than {most_bytes} bytes.")
    return bytes(body)


def _reason(exc: BaseException) -> str:
    if isinstance(exc, aiohttp.ServerDisconnectedError):
        return "it closed the connection"
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return str(exc) or type(exc).__name__
