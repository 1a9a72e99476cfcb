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
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
from yarl import URL

from revloop.engines.absence import Absence
from revloop.engines.replies import check_status, json_object, one_line
from revloop.errors import BadReplyError, InputError, TransientError, UnreachableError

if TYPE_CHECKING:
    from pydantic import SecretStr

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


class Transport:
    """Connections to one server. To be made, used and closed in the same event loop.

    Args:
        base_url: The server's address, with or without ``/v1``.
        api_key: Sent as bearer token to this server and nowhere else: redirects are not followed.
        deadlines: When to give a request up.

    Attributes:
        refused: Requests that were turned away for the moment, or not answered in time.
        absence: Since when the server has not answered.

    Raises:
        InputError: The address is none, or the key cannot stand in a header.
    """

    def __init__(self, base_url: str, *, api_key: SecretStr | None, deadlines: Deadlines) -> None:
        self.refused = 0
        self.absence = Absence()
        self.address = _address(base_url)
        self._deadlines = deadlines
        self._key = "" if api_key is None else _usable_key(api_key)
        self._session = aiohttp.ClientSession(
            headers=_NOT_PACKED | ({"Authorization": f"Bearer {self._key}"} if self._key else {}),
            connector=aiohttp.TCPConnector(
                limit=_NO_CONNECTION_LIMIT, keepalive_timeout=_IDLE_CONNECTION_S
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )

    async def ask(
        self,
        method: str,
        path: str,
        read: Reader[Read],
        retries: RetryPolicy,
        *,
        body: Mapping[str, Any] | None = None,
        max_tokens: int = 0,
    ) -> tuple[Read, int]:
        """Send a request as often as the policy allows.

        Reading is part of each try: an answer out of form is asked for again.

        Returns:
            What was read, and how many times the request was sent again.

        Raises:
            EngineError: The request failed for good; the class says how.
            ServerGoneError: The server stayed away longer than the policy waits for it.
        """
        timeout = self._deadlines.timeout(max_tokens)
        most_bytes = largest_reply_bytes(max_tokens)
        try:
            reply = await self._ask_once(method, path, body, timeout, most_bytes)
            return read(reply, self.address + path), 0
        except TransientError as exc:
            failed = exc  # tenacity comes in only now: it costs as much as the request itself
        async for attempt in retries.retrying(self.absence):
            with attempt:
                if attempt.retry_state.attempt_number == 1:
                    raise failed
                reply = await self._ask_once(method, path, body, timeout, most_bytes)
                answer = read(reply, self.address + path)
        return answer, attempt.retry_state.attempt_number - 1

    async def text(self, path: str) -> str | None:
        """What the server says at a path, asked once; None where it says nothing of use."""
        where = self.address + path
        try:
            async with self._session.get(
                where, timeout=_METRICS_TIMEOUT, allow_redirects=False
            ) as response:
                raw = await _read_bounded(response, where, largest_reply_bytes())
        except (TimeoutError, aiohttp.ClientError, ConnectionError, BadReplyError):
            return None
        return raw.decode("utf-8", "replace") if response.status == 200 else None

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _ask_once(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own, for one request
        most_bytes: int,
    ) -> Mapping[str, Any]:
        where = self.address + path
        try:
            response, raw = await self._exchange(method, where, body, timeout, most_bytes)
        except TransientError as exc:
            self.absence.note_failure(exc)
            raise
        self.absence.note_status(response.status)
        self.refused += response.status in _TURNED_AWAY
        model = "" if body is None else body["model"]
        quoted = self._without_key
        check_status(response.status, response.headers, raw, where, model=model, quoted=quoted)
        return json_object(raw, where, quoted=quoted)

    async def _exchange(
        self,
        method: str,
        where: str,
        body: Mapping[str, Any] | None,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own, for one request
        most_bytes: int,
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        """Send a request once and read the whole answer, whatever its status."""
        try:
            async with self._session.request(
                *(method, where), **_sent(body), timeout=timeout, allow_redirects=False
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


def _address(base_url: str) -> str:
    if "@" in base_url:
        raise InputError(
            "The server's address holds a user name or a password, which would end up in messages "
            "and logs. Put the server's key into REVLOOP_API_KEY."
        )
    address = base_url.strip().rstrip("/").removesuffix("/v1")
    try:
        url = URL(address)
        host = (url.raw_host or "").encode("idna")
        usable = url.scheme in {"http", "https"} and host and url.port
    except ValueError:
        usable = False
    if not usable or "?" in address or "#" in address:
        raise InputError(
            f"'{base_url}' is no server address: it begins with http:// or https://, "
            "as in http://127.0.0.1:8000."
        )
    return address


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
