"""Errors in a server's replies: by HTTP status, in an error object, or as no JSON at all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from revloop.engines.classify import AN_HTML_PAGE, ServerError, excerpt, one_line
from revloop.engines.parameters import refused_parameter
from revloop.engines.rate_headers import asked_wait_s
from revloop.errors import (
    AuthenticationError,
    BadReplyError,
    ContextFullError,
    EngineError,
    ModelNotServedError,
    QuotaError,
    RejectedError,
    SettingRefusedError,
    TransientError,
    WrongAddressError,
)

_GOOD = {200, 201}
"""Frameworks answer a POST with 201 by default (NestJS), and so do servers made with them."""
_REDIRECTS_FOR_NOW = {302, 303, 307}
"""Temporary redirects, from a proxy whose server is down for a moment (RFC 9110, 15.4)."""

_SET_THE_KEY = "Set the server's key in REVLOOP_API_KEY."
_BY_A_PROXY = "A proxy or a firewall in front of the server refuses the request."
_EVENTS = re.compile(rb"\s*(?:data|event|id|retry)?:")
"""Begins server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
_DATA = re.compile(rb"^data:(.*)$", re.MULTILINE)

Quoted = Callable[[bytes], bytes]


def _unchanged(words: bytes) -> bytes:
    return words


def check_status(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    where: str,
    *,
    model: str,
    quoted: Quoted = _unchanged,
) -> None:
    """Raise the error that an HTTP status other than 200 or 201 means. No redirect is followed.

    Args:
        status: The status.
        headers: Case-insensitive headers.
        body: The complete body.
        where: Names the server for messages.
        model: The requested model; may be empty.
        quoted: Makes the server's words safe to quote.

    Raises:
        EngineError: The class says what it concerns (:mod:`revloop.engines.classify`). A temporary
            redirect (302, 303, 307) is a BadReplyError, a permanent one a WrongAddressError.
    """
    if status in _GOOD:
        return
    if 300 <= status < 400:
        location = headers.get("Location", "").encode("utf-8", "surrogateescape")
        target = one_line(quoted(location).decode("utf-8", "replace")) or "another address"
        said = f"{where} redirects to {target}. Use that server's address instead."
        raise BadReplyError(said) if status in _REDIRECTS_FOR_NOW else WrongAddressError(said)
    wait_s = asked_wait_s(headers)
    error = ServerError.read(status, quoted(body))
    raise _error_of(error, f"{where} answers {status}", model=model, wait_s=wait_s)


def check_reply(
    reply: Mapping[str, Any], where: str, *, model: str, quoted: Quoted = _unchanged
) -> None:
    """Raise the error in a reply whose HTTP status is good, if there is one.

    Raises:
        EngineError: There is one; the class says what it concerns.
    """
    choices = reply.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    said: Mapping[str, Any] = first if isinstance(first, dict) else reply
    if said.get("error") or (first is None and reply.get("object") == "error"):
        error = ServerError.read(200, quoted(json.dumps(said).encode()))
        raise _error_of(error, f"{where} answers with an error", model=model)


def _error_of(
    error: ServerError, what: str, *, model: str, wait_s: float | None = None
) -> EngineError:
    """The error to raise, with what to do about it."""
    wait_s = error.wait_s if wait_s is None else wait_s
    kind = error.kind(may_pass=wait_s is not None)
    said = f"{what}: {error.message}"
    if kind is ContextFullError:
        words = said if error.status == 413 else error.message
        overflow = error.overflow
        return ContextFullError(
            f"{overflow.sentence()} {words}".strip(),
            prompt_tokens=overflow.prompt_tokens,
            context_tokens=overflow.context_tokens,
        )
    if kind is AuthenticationError:
        is_page = error.message.startswith(AN_HTML_PAGE)
        return AuthenticationError(f"{said} {_BY_A_PROXY if is_page else _SET_THE_KEY}")
    if kind is QuotaError:
        return QuotaError(f"{said} (The account has no credit or quota left.)")
    if kind is ModelNotServedError:
        not_served = f"'{model}' is not served, or " if model else ""
        return ModelNotServedError(f"{what} ({not_served}no such address): {error.message}")
    if issubclass(kind, TransientError):
        return kind(said, retry_after_s=wait_s)
    return _refusal(kind, said, error)


def _refusal(kind: type[EngineError], said: str, error: ServerError) -> EngineError:
    """An error that concerns a request or the run, with the parameter that may be left out."""
    if kind in {SettingRefusedError, RejectedError} and (refused := refused_parameter(error)):
        return SettingRefusedError(said, parameter=refused[0], other_name=refused[1])
    return kind(said)


def json_object(body: bytes, where: str, *, quoted: Quoted = _unchanged) -> Mapping[str, Any]:
    """The JSON object in a body.

    Raises:
        BadReplyError: The body is HTML, half an object, or something else.
        WrongAddressError: The server streams.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as exc:
        if _EVENTS.match(body):
            return _streamed_error(body, where)
        raise BadReplyError(f"{where} does not answer in JSON: {excerpt(quoted(body))}") from exc
    if value and isinstance(value, list) and all(isinstance(one, dict | list) for one in value):
        return {"data": value}  # Together's models, and rewards, come without an object around them
    if not isinstance(value, dict):
        raise BadReplyError(f"{where} sent JSON that is not an object: {excerpt(quoted(body))}")
    return value


def _streamed_error(body: bytes, where: str) -> Mapping[str, Any]:
    """The error in server-sent events. Answers are not requested in this form."""
    first = _DATA.search(body)
    try:
        value = json.loads(first[1]) if first else None
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict) and value.get("error"):
        return value
    raise WrongAddressError(
        f"{where} streams its answer without being asked to. Turn streaming off in the server or "
        "in the proxy before it."
    )
