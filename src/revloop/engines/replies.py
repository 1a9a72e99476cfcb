"""Reading what an OpenAI-compatible server answers, errors included."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from revloop.errors import (
    AuthenticationError,
    BadReplyError,
    ContextFullError,
    ModelNotServedError,
    OverloadedError,
    RejectedError,
)
from revloop.trajectory import FinishReason, Text, Usage, explain

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONTEXT_PHRASES = ("maximum context length", "maximum model length", "context length")
_TRY_AGAIN_STATUSES = {408, 409, 425, 429}
_REDIRECTS_FOR_NOW = {302, 303, 307}
"""A proxy whose server is away sends them, and answers itself a moment later (RFC 9110, 15.4)."""

_QUOTED_CHARACTERS = 300

Quoted = Callable[[bytes], bytes]
TokenId = Annotated[int, Field(ge=0, lt=2**32)]


class _Reply(BaseModel):
    """What a server wrote: an error about it does not repeat it, should a key stand in it."""

    model_config = ConfigDict(hide_input_in_errors=True)


class ServedModel(_Reply):
    """One entry of ``/v1/models``."""

    id: str
    root: str | None = Field(default=None, description="vLLM: folder or hub id behind the name.")
    context_tokens: int | None = Field(default=None, validation_alias="max_model_len", gt=0)
    is_vllm: bool = False


class Answer(_Reply):
    """What is wanted of a completion's reply."""

    text: Text
    finish_reason: FinishReason
    stop_text: str | None = None
    token_ids: tuple[TokenId, ...] = ()
    usage: Usage


def served(reply: Mapping[str, Any], where: str) -> list[ServedModel]:
    """The models in the reply to ``/v1/models``.

    Raises:
        BadReplyError: The reply has another form.
    """
    entries = reply.get("data")
    if not isinstance(entries, list):
        raise BadReplyError(f"{where} gives no list of models.")
    try:
        return [
            ServedModel.model_validate({**entry, "is_vllm": entry.get("owned_by") == "vllm"})
            for entry in entries
        ]
    except (ValidationError, TypeError, AttributeError) as exc:
        raise BadReplyError(f"{where} lists models in a form that is not known.") from exc


def served_version(reply: Mapping[str, Any], where: str) -> str | None:  # noqa: ARG001
    """The version in the reply to vLLM's ``/version``, or None where it tells none."""
    version = reply.get("version")
    return version if isinstance(version, str) else None


def read_completion(reply: Mapping[str, Any], where: str) -> Answer:
    """The answer in the reply to a completion or a chat completion.

    Raises:
        BadReplyError: A part that must be there is missing or has another form.
    """
    try:
        choice = reply["choices"][0]
        text = choice["text"] if "text" in choice else choice["message"]["content"]
        stop_reason = choice.get("stop_reason")
        return Answer(
            text=text,
            finish_reason=choice["finish_reason"],
            stop_text=stop_reason if isinstance(stop_reason, str) else None,
            token_ids=choice.get("token_ids") or (),
            usage=_usage(reply.get("usage") or {}),
        )
    except (KeyError, IndexError, TypeError, AttributeError) as exc:
        raise BadReplyError(f"{where} answers in a form that is not known: {exc!r}.") from exc
    except ValidationError as exc:
        raise BadReplyError(f"{where} answers in a form that is not known: {explain(exc)}") from exc


def _all_of_it(said: bytes) -> bytes:
    return said


def check_status(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    where: str,
    *,
    model: str,
    quoted: Quoted = _all_of_it,
) -> None:
    """Turn an HTTP status that is not 200 into the error that it means.

    Args:
        status: The status.
        headers: Looked up without regard to case.
        body: The whole body.
        where: Names the server for messages.
        model: The model that was asked for, or nothing.
        quoted: What of the server's words may be quoted.

    Raises:
        OverloadedError: 408, 409, 425, 429 and 5xx: try again, after ``Retry-After`` if given.
        AuthenticationError: 401 and 403.
        ModelNotServedError: 404.
        ContextFullError: 400 that speaks of the context's length.
        BadReplyError: 302, 303 and 307: a redirect for now. None is ever followed.
        RejectedError: Everything else, redirects for good included.
    """
    if status == 200:
        return
    if 300 <= status < 400:
        location = headers.get("Location", "").encode("utf-8", "surrogateescape")
        target = one_line(quoted(location).decode("utf-8", "replace")) or "another address"
        said = f"{where} redirects to {target}. Give that server's address itself."
        raise BadReplyError(said) if status in _REDIRECTS_FOR_NOW else RejectedError(said)
    said = server_message(quoted(body))
    if status in _TRY_AGAIN_STATUSES or status >= 500:
        wait_s = retry_after_s(headers.get("Retry-After"))
        raise OverloadedError(f"{where} answers {status}: {said}", retry_after_s=wait_s)
    if status in {401, 403}:
        raise AuthenticationError(
            f"{where} answers {status}: {said} Put the server's key into REVLOOP_API_KEY."
        )
    if status == 404:
        what = f"'{model}' is not served, or " if model else ""
        raise ModelNotServedError(f"{where} answers 404 ({what}no such address): {said}")
    if status == 400 and any(phrase in said.lower() for phrase in _CONTEXT_PHRASES):
        raise ContextFullError(said)
    raise RejectedError(f"{where} answers {status}: {said}")


def json_object(body: bytes, where: str, *, quoted: Quoted = _all_of_it) -> Mapping[str, Any]:
    """The JSON object in a body.

    Raises:
        BadReplyError: It is HTML, half an object, or something else.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise BadReplyError(f"{where} does not answer in JSON: {_excerpt(quoted(body))}") from exc
    if not isinstance(value, dict):
        raise BadReplyError(
            f"{where} answers with JSON that is no object: {_excerpt(quoted(body))}"
        )
    return value


def server_message(body: bytes) -> str:
    """The server's own words about an error, on one line, bounded, without control characters."""
    try:
        value = json.loads(body)
        error = value.get("error", value)
        message = error if isinstance(error, str) else error.get("message") or error.get("detail")
    except (ValueError, AttributeError, RecursionError):
        message = None
    return (one_line(str(message)) if message else "") or _excerpt(body)


def retry_after_s(header: str | None) -> float | None:
    """Seconds that a ``Retry-After`` header asks for (RFC 9110, 10.2.3: seconds or a date)."""
    if header is None:
        return None
    number = header.strip()
    if number.isdecimal():
        return float(number)
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _usage(raw: Mapping[str, Any]) -> Usage:
    details = raw.get("prompt_tokens_details") or {}
    return Usage(
        prompt_tokens=raw.get("prompt_tokens") or 0,
        generated_tokens=raw.get("completion_tokens") or 0,
        cached_tokens=details.get("cached_tokens"),
    )


def _excerpt(body: bytes) -> str:
    return one_line(body[: 4 * _QUOTED_CHARACTERS].decode("utf-8", "replace")) or "(empty)"


def one_line(text: str) -> str:
    """Text that a server wrote, on one line, bounded, without characters that steer a terminal."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _QUOTED_CHARACTERS else line[:_QUOTED_CHARACTERS] + " ..."
