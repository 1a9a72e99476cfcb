"""Requests to one HTTP server: deadlines, retries, and failures translated into our errors.

The client is aiohttp: with 256 requests in flight it takes 0.3 ms of CPU per request, while httpx
(and the OpenAI client on top of it) takes 12 to 20 ms and lets the server idle.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
from yarl import URL

from revloop.engines.address import Address
from revloop.engines.blame import Blame, Health
from revloop.engines.crowding import Crowding
from revloop.engines.headers import Headers
from revloop.engines.metering import Meter
from revloop.engines.outage import Faults, Outage, Waiting
from revloop.engines.rate_limiter import RateLimiter
from revloop.engines.refusals import check_reply, check_status, json_object
from revloop.engines.replies import usage_in
from revloop.engines.wire import (
    Upload,
    largest_reply_bytes,
    read_bounded,
    reason_of,
    refuse_compressed,
    sent,
)
from revloop.errors import (
    BadReplyError,
    EngineError,
    EngineGoneError,
    LateReplyError,
    OverloadedError,
    TransientError,
    UnreachableError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

    from revloop.engines.blame import Probe
    from revloop.engines.deadlines import Deadlines
    from revloop.engines.rate_limit import RateLimits, Spent
    from revloop.engines.retry import RetryPolicy

Read = TypeVar("Read")
Reader = Callable[[Mapping[str, Any], str], Read]
"""Reads a reply; the second argument names the server for messages."""
ReadBody = Callable[[aiohttp.ClientResponse, str], Awaitable[bytes]]
"""Reads the body of a response; the second argument names the server for messages."""

_TURNED_AWAY = {408, 429, 503}
_METRICS_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
_IDLE_CONNECTION_S = 4.0
"""Less than the 5 s after which uvicorn and vLLM (``VLLM_HTTP_TIMEOUT_KEEP_ALIVE``) close an idle
connection: a request sent at that moment would fail."""
_SMALL_REQUEST_TOKENS = 1
"""A request for no more is a trial: its answer is no proof that a run's requests are answered."""
_NO_CONNECTION_LIMIT = 0  # the caller limits the number of requests in flight


@dataclass(frozen=True, slots=True)
class _Call:
    """A request, sent once or several times."""

    method: str
    path: str
    body: Mapping[str, Any] | Upload | None
    timeout: aiohttp.ClientTimeout
    max_tokens: int = 0


class Transport:
    """Connections to one server. Create, use and close it in the same event loop.

    Args:
        base_url: The server's address: see :meth:`~revloop.engines.address.Address.read`.
        api_key: Sent to this server only, as bearer token (and as ``api-key`` with Azure's
            ``?api-version=``): redirects are not followed.
        deadlines: When to give up a request.
        limits: The user's rate limits; None: only the server's are obeyed.
        headers: More headers of each request; their values are never quoted.

    Attributes:
        added_headers: The names of these headers, in lower case.
        refused: Requests turned away or timed out.
        outage: How long the server has been unreachable.
        limiter: Holds requests for answers back to obey rate limits.
        crowding: Holds requests for answers back that the server would answer too late.
        meter: Counts the requests for answers, and their tokens.
        faults: The faults after which requests were sent again; None without any.
        address: The server's address, without ``/v1``.
        roots: Where the API may begin after :attr:`address`, the likeliest first.
        root: Where it begins.

    Raises:
        InputError: The address, its proxy or the key is invalid.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: SecretStr | None,
        deadlines: Deadlines,
        limits: RateLimits | None = None,
        headers: Mapping[str, SecretStr] | None = None,
    ) -> None:
        self.refused = 0
        self.outage = Outage()
        self.limiter = RateLimiter(limits)
        self.faults: Faults | None = None
        self.meter = Meter()
        self._address = Address.read(base_url)
        self.address, self.roots = self._address.server, self._address.roots
        self.root = self.roots[0]
        self.crowding = Crowding(self.address)
        self._health = Health()
        self._deadlines = deadlines
        self._headers = Headers.of(api_key, headers or {}, self._address)
        self.added_headers = self._headers.added
        self._session = aiohttp.ClientSession(
            headers=self._headers.sent,
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
        body: Mapping[str, Any] | Upload | None = None,
        max_tokens: int = 0,
        small_body: Callable[[], Mapping[str, Any]] | None = None,
    ) -> tuple[Read, int]:
        """Send a request as often as the policy allows.

        Reading is part of each try: a malformed reply is retried.

        Args:
            method: GET or POST.
            path: The path after :attr:`address`.
            read: Reads the reply.
            retries: When to send the request again.
            body: Sent as JSON, or a file to upload.
            max_tokens: Most tokens to generate, for the deadline.
            small_body: Makes a small request of the same kind, which is sent if only it can tell
                whether this request or the server is at fault.

        Returns:
            What was read, and how many times the request was sent again.

        Raises:
            EngineError: The request failed for good; the class says how.
            EngineGoneError: The server was unreachable past the policy's wait limit.
        """
        upload_bytes = body.file.stat().st_size if isinstance(body, Upload) else 0
        timeout = self._deadlines.timeout(max_tokens, upload_bytes)
        call = _Call(method, path, body, timeout, max_tokens)
        probe: Probe | None = None
        if small_body is not None:
            probe = partial(self._ask_small, call, small_body, read)
        blame = Blame(self._health, self.outage, probe, limit=retries.fault_attempts)
        return await self._repeat(partial(self._try, call, read, blame), retries)

    async def download(self, path: str, target: Path, retries: RetryPolicy) -> None:
        """Download a file of any size, trying as often as the policy allows.

        Args:
            path: The path after :attr:`address`.
            target: Written anew at each try.
            retries: When to try again.

        Raises:
            EngineError: The file could not be downloaded; the class says how.
            EngineGoneError: The server was unreachable past the policy's wait limit.
        """
        call = _Call("GET", path, None, self._deadlines.download())

        async def save(response: aiohttp.ClientResponse, where: str) -> bytes:
            if response.status != 200:
                return await read_bounded(response, where, largest_reply_bytes())
            refuse_compressed(response, where)
            with target.open("wb") as file:
                async for chunk in response.content.iter_any():
                    file.write(chunk)
            return b""

        await self._repeat(lambda: self._send(call, save), retries)

    async def text(self, path: str) -> str | None:
        """The text at a path, requested once; None if there is none."""
        try:
            call = _Call("GET", path, None, _METRICS_TIMEOUT)
            response, raw = await self._exchange(
                call, partial(read_bounded, most_bytes=largest_reply_bytes())
            )
        except TransientError:
            return None
        return raw.decode("utf-8", "replace") if response.status == 200 else None

    def waiting(self, retries: RetryPolicy) -> Waiting | None:
        """The current wait for the server; None while it answers, or without a wait limit."""
        away_s, limit_s = self.outage.away_s, retries.wait_for_server_s
        return None if away_s is None or not limit_s else Waiting(away_s, limit_s)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _ask_small(
        self, call: _Call, make_body: Callable[[], Mapping[str, Any]], read: Reader[Read]
    ) -> Read:
        timeout = self._deadlines.timeout(1)
        small = replace(call, body=make_body(), timeout=timeout, max_tokens=1)
        return await self._read_once(small, read)

    async def _repeat(
        self, once: Callable[[], Awaitable[Read]], retries: RetryPolicy
    ) -> tuple[Read, int]:
        try:
            return await once(), 0
        except TransientError as exc:
            failed = exc  # tenacity is used only now: it costs as much as the request itself
        note = partial(self._note_retry, retries.longest_wait_s)
        try:
            async for attempt in retries.retrying(self.outage, note):
                with attempt:
                    if attempt.retry_state.attempt_number == 1:
                        raise failed
                    answer = await once()
        except EngineGoneError:
            self.crowding.lift()  # else those held back would wait for it one after another
            raise
        return answer, attempt.retry_state.attempt_number - 1

    async def _try(self, call: _Call, read: Reader[Read], blame: Blame) -> Read:
        try:
            answer = await self._read_once(call, read)
        except EngineError as exc:
            if (weighed := await blame.weigh(exc)) is exc:
                raise
            raise weighed from exc
        if call.max_tokens > _SMALL_REQUEST_TOKENS:
            self._health.note_answer()
        return answer

    async def _read_once(self, call: _Call, read: Reader[Read]) -> Read:
        if not call.max_tokens or not isinstance(call.body, Mapping):
            return await self._read_reply(call, read)
        if call.max_tokens <= _SMALL_REQUEST_TOKENS:
            return await self._read_metered(call, call.body, read)
        async with self.crowding.place(call.timeout.total or math.inf):
            return await self._read_metered(call, call.body, read)

    async def _read_metered(self, call: _Call, body: Mapping[str, Any], read: Reader[Read]) -> Read:
        # before the deadline begins: waiting for a rate limit is no fault of the server
        spent = await self.limiter.enter(body, call.max_tokens)
        try:
            return await self._read_reply(call, read, spent)
        finally:
            self.meter.requests += 1
            self.limiter.leave(spent)

    async def _read_reply(
        self, call: _Call, read: Reader[Read], spent: Spent | None = None
    ) -> Read:
        where = self.address + call.path
        most_bytes = largest_reply_bytes(call.max_tokens)
        raw = await self._send(call, partial(read_bounded, most_bytes=most_bytes), spent)
        reply = json_object(raw, where, quoted=self._headers.without_secrets)
        if spent is not None:
            self.limiter.note_usage(spent, reply.get("usage"))
            self.meter.note(usage_in(reply))
        check_reply(reply, where, model=_model_in(call), quoted=self._headers.without_secrets)
        answer = read(reply, where)
        self.outage.note_answer()
        return answer

    async def _send(self, call: _Call, read_body: ReadBody, spent: Spent | None = None) -> bytes:
        """Send a request once, and read the body of a good response."""
        where = self.address + call.path
        try:
            response, raw = await self._exchange(call, read_body)
        except TransientError as exc:
            self.refused += isinstance(exc.__cause__, TimeoutError)
            self.outage.note_failure(exc)
            if spent is not None and isinstance(exc.__cause__, aiohttp.ClientConnectorError):
                self.limiter.give_back(spent)
                self.meter.requests -= 1  # it never left
            raise
        if spent is not None:
            self.limiter.note_headers(spent, response.headers)
        self.outage.note_status(response.status)
        self.refused += response.status in _TURNED_AWAY
        model, quoted = _model_in(call), self._headers.without_secrets
        check_status(response.status, response.headers, raw, where, model=model, quoted=quoted)
        return raw

    async def _exchange(
        self, call: _Call, read_body: ReadBody
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        """Send a request once and read the complete reply, whatever its status."""
        where, timeout = self.address + call.path, call.timeout
        try:
            with sent(call.body) as arguments:
                async with self._session.request(
                    call.method,
                    self._url(where),
                    **arguments,
                    timeout=timeout,
                    allow_redirects=False,
                    proxy=self._address.proxy,
                ) as response:
                    return response, await read_body(response, where)
        except TimeoutError as exc:
            limit_s = timeout.total or timeout.sock_read or 0.0
            is_connected = not isinstance(exc, aiohttp.ConnectionTimeoutError)
            kind = LateReplyError if is_connected else UnreachableError
            raise kind(f"{where} did not answer within {limit_s:g} s.") from exc
        except aiohttp.ClientPayloadError as exc:
            raise BadReplyError(f"{where} broke off in the middle of its reply.") from exc
        except aiohttp.ClientResponseError as exc:
            raise UnreachableError(
                f"{where} does not answer in HTTP ({reason_of(exc)}). Is it the right port?"
            ) from exc
        except aiohttp.ClientConnectorCertificateError as exc:
            raise UnreachableError(
                f"{where} has a certificate that is not trusted: {exc.certificate_error}. To trust "
                "it, name the file of its certificate, or of its authority's, in SSL_CERT_FILE."
            ) from exc
        except (aiohttp.ClientError, ConnectionError, asyncio.IncompleteReadError) as exc:
            raise UnreachableError(
                f"{where} cannot be reached: {reason_of(exc)}. Is the server running?"
            ) from exc

    def _url(self, where: str) -> URL:
        if query := self._address.query:
            return URL(f"{where}{'&' if '?' in where else '?'}{query}")
        return URL(where)

    def _note_retry(self, longest_wait_s: float, error: BaseException) -> None:
        if isinstance(error, OverloadedError) and error.retry_after_s:
            self.limiter.hold(min(error.retry_after_s, longest_wait_s))
        before = 0 if self.faults is None else self.faults.retries
        self.faults = Faults(before + 1, str(error), time.monotonic())


def _model_in(call: _Call) -> str:
    """The model that a request names; may be empty."""
    return "" if call.body is None or isinstance(call.body, Upload) else call.body.get("model", "")
