"""The gateway's HTTP server."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web
from pydantic import SecretStr

from revloop.errors import InputError, RevloopError
from revloop.gateway.answering import Answering, AnswerUnderWay, now_s
from revloop.gateway.asked import ServedDefaults, read_request
from revloop.gateway.metrics import GatewayMetrics
from revloop.gateway.places import Places
from revloop.gateway.refusals import RefusedRequestError, refusal_of
from revloop.gateway.streaming import EventStream

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from revloop.gateway.answering import FullAnswer
    from revloop.gateway.asked import Kind
    from revloop.gateway.revising import Revisers
    from revloop.gateway.upstream import Upstream
    from revloop.options import GatewayOptions, RunSettings

logger = logging.getLogger("revloop.gateway")

DRAFT_HEADER = "X-Revloop-Draft"
TRAJECTORY_HEADER = "X-Revloop-Trajectory"
_MOST_BODY_BYTES = 32 * 2**20
"""Of a request, images included."""
_HEARTBEAT_S = 5.0
_BODY_S = 60.0
_GRACE_S = 60.0
"""How long requests that are under way may take when the gateway is stopped."""
_LISTED_ROUNDS = (0, 1, 2, 3)
_LOCAL_HOSTS = {"127.0.0.1", "localhost", "[::1]"}
_OPEN_PATHS = {"/health"}


class Gateway:
    """The server, up within ``async with``.

    Args:
        options: Where it listens, and who may ask.
        upstream: Writes the drafts.
        revisers: Do the rounds.
        defaults: What a request gets that says nothing else.
        heartbeat_s: Seconds between two signs of life of a stream.
        body_s: Seconds in which the body of a request must arrive.

    Attributes:
        address: Its address.
        about: Who drafts, who revises, and how often.
        places: How many requests are worked on, and how many wait.
    """

    def __init__(
        self,
        options: GatewayOptions,
        upstream: Upstream,
        revisers: Revisers,
        defaults: ServedDefaults,
        *,
        heartbeat_s: float = _HEARTBEAT_S,
        body_s: float = _BODY_S,
    ) -> None:
        self.address = ""
        self.places = Places(options.max_concurrency, options.max_queue)
        self.about = _about(upstream.model, revisers.settings, defaults.iterations)
        self._options = options
        self._defaults = defaults
        self._heartbeat_s, self._body_s = heartbeat_s, body_s
        self._metrics = GatewayMetrics(self.places)
        self._answering = Answering(
            upstream, revisers, self._metrics, revise_json=options.revise_json
        )
        self._started_at = int(time.time())

    async def __aenter__(self) -> Self:
        app = web.Application(
            client_max_size=_MOST_BODY_BYTES, middlewares=[self._count, self._guard]
        )
        app.router.add_post("/v1/chat/completions", partial(self._complete, "chat/completions"))
        app.router.add_post("/v1/completions", partial(self._complete, "completions"))
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/models/{model:.+}", self._model)
        app.router.add_get("/health", self._health)
        app.router.add_get("/metrics", self._show_metrics)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=_GRACE_S
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._options.host, self._options.port).start()
        except OSError as exc:
            await self._runner.cleanup()
            where = f"{self._options.host}:{self._options.port}"
            raise InputError(f"{where} cannot be listened on: {exc.strerror}.") from exc
        host, port = self._runner.addresses[0][:2]
        self.address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count each request, and turn what goes wrong into OpenAI's form."""
        began = time.monotonic()
        try:
            response = await handler(request)
        except web.HTTPException as exc:
            response = _refused(_of_http(exc))
        except ConnectionError:  # the client is gone
            raise
        except Exception as exc:  # noqa: BLE001 - a client gets an answer, whatever happens
            response = _refused(self._refusal(exc))
        resource = request.match_info.route.resource
        path = "other" if resource is None else resource.canonical
        self._metrics.answered(path, response.status, time.monotonic() - began)
        return response

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in only those who may ask."""
        if request.path in _OPEN_PATHS:
            return await handler(request)
        key = self._options.gateway_key
        if key is None:
            # a page in a browser could reach this address under a name of its own
            if self._options.is_local and _host(request.host) not in _LOCAL_HOSTS:
                raise RefusedRequestError(
                    403, f"Ask for {self.address}, not for another name.", code="wrong_host"
                )
        elif not _is_same(_bearer(request), key):
            raise RefusedRequestError(
                401, "The gateway's key is missing or wrong.", code="invalid_api_key"
            )
        return await handler(request)

    async def _complete(self, kind: Kind, request: web.Request) -> web.StreamResponse:
        arrived_at_s = now_s()
        # a form of a page in a browser cannot have this type
        if request.content_type != "application/json":
            raise RefusedRequestError(
                415, "Send the request as application/json.", code="unsupported_media_type"
            )
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise RefusedRequestError(
                415, "Send the request uncompressed.", code="unsupported_media_type"
            )
        self.places.refuse_if_full()  # before its body fills memory
        asked = read_request(await self._body_of(request), kind, self._defaults)
        under_way = AnswerUnderWay(asked, arrived_at_s)
        headers = {DRAFT_HEADER: under_way.id}
        answer = partial(self._answer, under_way, self._key_of(request))
        if asked.streams:
            stream = EventStream(request, under_way, headers, heartbeat_s=self._heartbeat_s)
            return await stream.send(answer, self._refusal)
        full = await answer()
        if full.trajectories:
            headers[TRAJECTORY_HEADER] = ",".join(full.trajectories)
        return web.json_response(full.reply, headers=headers)

    async def _body_of(self, request: web.Request) -> bytes:
        try:
            async with asyncio.timeout(self._body_s):
                return await request.read()
        except TimeoutError as exc:
            raise RefusedRequestError(
                408, f"The request did not arrive within {self._body_s:g} s.", code="too_slow"
            ) from exc

    async def _answer(self, under_way: AnswerUnderWay, key: SecretStr | None) -> FullAnswer:
        async with self.places.place():
            return await self._answering.answer(under_way, key)

    def _key_of(self, request: web.Request) -> SecretStr | None:
        """The key for the upstream: the gateway's own, or the client's."""
        if not self._options.passes_keys_on:
            return self._options.api_key
        given = _bearer(request)
        return SecretStr(given) if given else None

    def _refusal(self, error: Exception) -> RefusedRequestError:
        if isinstance(error, RefusedRequestError):
            return error
        if isinstance(error, RevloopError):
            return refusal_of(error, passes_keys_on=self._options.passes_keys_on)
        logger.error("a request failed", exc_info=error)
        return RefusedRequestError(
            500, "The gateway failed on this request; its log says why.", code="internal_error"
        )

    async def _models(self, _request: web.Request) -> web.Response:
        names = [self._defaults.model, *(f"{self._defaults.model}@{n}" for n in _LISTED_ROUNDS)]
        return web.json_response({"object": "list", "data": [self._entry(name) for name in names]})

    async def _model(self, request: web.Request) -> web.Response:
        name = request.match_info["model"]
        base, at, rounds = name.rpartition("@")
        if name != self._defaults.model and not (
            base == self._defaults.model and at and rounds.isdigit()
        ):
            raise RefusedRequestError(
                404, f"The model '{name:.200}' is not served.", code="model_not_found"
            )
        return web.json_response(self._entry(name))

    def _entry(self, name: str) -> dict[str, Any]:
        about = {"object": "model", "created": self._started_at, "owned_by": "revloop"}
        return {"id": name, **about}

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _show_metrics(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=self._metrics.text(), headers={"Content-Type": self._metrics.content_type}
        )


def _about(upstream: str, settings: RunSettings, rounds: int) -> str:
    """Who drafts, who revises, and how often, in a sentence."""
    editor = "" if settings.editor is None else f" and {settings.editor.model}"
    kept = "" if not settings.all_judges else f" Kept: {settings.keep}, by a judge."
    return (
        f"Drafts: {upstream}. Critic: {settings.model}{editor}, prompt set {settings.prompt_set}. "
        f"Rounds: {rounds}.{kept}"
    )


def _refused(refusal: RefusedRequestError) -> web.Response:
    return web.Response(
        text=json.dumps(refusal.body),
        status=refusal.status,
        content_type="application/json",
        headers=refusal.headers,
    )


def _of_http(error: web.HTTPException) -> RefusedRequestError:
    """An error of the HTTP server itself: an unknown path, a body that is too large."""
    messages = {
        404: "There is no such address here; the API is below /v1.",
        405: "This address takes another method.",
        413: f"The request is larger than {_MOST_BODY_BYTES // 2**20} MiB.",
    }
    message = messages.get(error.status, error.reason)
    return RefusedRequestError(error.status, message, code="invalid_request")


def _bearer(request: web.Request) -> str:
    """The key that a client sends; empty without one."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _is_same(given: str, key: SecretStr) -> bool:
    """Whether it is the key; the time that this takes tells nothing."""
    wanted = key.get_secret_value().encode()
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted)


def _host(host: str) -> str:
    """A host without its port."""
    return host if host.endswith("]") else host.rpartition(":")[0] or host
