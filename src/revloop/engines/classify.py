"""What a server's error concerns: this request, the whole run, or only this moment.

The error's ``code`` and ``type`` count first, then its words, then the HTTP status. The tables were
collected from the documentation, sources and bug reports of vLLM, SGLang, llama.cpp, TGI, Ollama,
FastChat, LiteLLM, OpenAI, Azure, OpenRouter, Groq, Mistral, DeepSeek, Gemini and Anthropic.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from revloop.engines.overflow import Overflow
from revloop.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextFullError,
    EngineError,
    ModelNotServedError,
    OverloadedError,
    QuotaError,
    RejectedError,
    ServerFaultError,
    SettingRefusedError,
    WrongAddressError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Kind = type[EngineError]

_QUOTED_CHARACTERS = 300
_READ_CHARACTERS = 1000
"""Proxies put words of their own before those of the server behind them."""
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
AN_HTML_PAGE = "an HTML page, "
"""Begins an excerpt of a page of a proxy."""

_NAMES: Mapping[Kind, str] = {
    ContextFullError: """
        context_length_exceeded exceed_context_size_error string_above_max_length
        contextwindowexceedederror prompt_too_long input_too_long tokens_too_long request_too_large
        40303""",
    ContentFilterError: """
        content_filter content_policy_violation contentpolicyviolationerror
        responsibleaipolicyviolation data_inspection_failed content_blocked""",
    AuthenticationError: """
        invalid_api_key incorrect_api_key api_key_invalid authentication_error authenticationerror
        invalid_authentication invalid_authentication_error unauthorized permission_error
        permissiondeniederror account_deactivated unsupported_country_region_territory
        ip_not_authorized no_db_connection""",
    QuotaError: """
        insufficient_quota insufficient_credits insufficient_balance billing_hard_limit_reached
        billing_not_active billing_error budget_exceeded credit_balance_exhausted payment_required
        exceeded_current_quota_error arrearage""",
    ModelNotServedError: """
        model_not_found model_not_available model_decommissioned deploymentnotfound""",
    SettingRefusedError: """
        unsupported_parameter unsupported_value unknown_parameter extra_forbidden""",
    OverloadedError: """
        rate_limit_exceeded rate_limit_error ratelimiterror too_many_requests resource_exhausted
        overloaded overloaded_error engine_overloaded_error server_is_overloaded slow_down
        unavailable unavailable_error model_loading""",
}
"""Error codes and types, in lower case."""

_KIND_OF_NAME = {name: kind for kind, names in _NAMES.items() for name in names.split()}

_TOO_LARGE = re.compile(r"request too large", re.IGNORECASE)
"""A single request above the limit per minute (Groq, OpenAI), whatever its code."""

_WORDS: Mapping[Kind, str] = {
    ContextFullError: r"""
        (maximum|max) (context|model|sequence|prompt|input) length
        context[ _-]?(length|window|size)
        range of input length
        max_model_len
        n_ctx
        exceed_context_size
        `inputs` (tokens|must have less than)
        (tokens|length) \+ `?max_new_tokens
        `max_new_tokens` must be <=
        max_tokens must be at least 1, got -
        (prompt|input|request|messages)( tokens?)? (is|are|was)? ?too (long|large)
        too many (input |prompt )?tokens
        too large to process. increase the physical batch size
        (exceeds?|over) the (input )?tokens? limit
        exceeded model token limit
        exceeds? (the )?context limit
        input tokens exceed
        token count of \d+ exceeds
        maximum allowed input length
        input (token count|length)\b.{0,40}\bexceeds
        reduce the length of""",
    ContentFilterError: r"""
        content[ _-]?(management policy|policy|filter)
        responsible ?ai
        input was flagged
        moderation
        safety (system|filter|policy)
        content exists risk""",
    AuthenticationError: r"""
        (invalid|incorrect|missing|no) api[ _]key
        api[ _]key (is )?(not valid|invalid|missing)""",
    QuotaError: r"""
        exceeded your current quota
        insufficient (quota|credits?|balance|funds)
        budget has been exceeded
        exceeded ?budget
        over budget
        credit balance
        out of credits
        (spend|spending|api usage) limit""",
    ModelNotServedError: r"""
        (invalid|unknown|no such) model\b
        not a valid model
        you passed in model=
        \bmodel\b.{0,80}\b(does not exist|not found)""",
    WrongAddressError: r"""
        unexpected endpoint or method""",
    SettingRefusedError: r"""
        provide a chat template
        extra_forbidden
        extra inputs are not permitted
        `(temperature|top_p|top_k|seed|repetition_penalty)` must
        max_tokens.{0,60} must be less than
        invalid (temperature|top_p)\b
        enable_thinking must be
        only support stream mode""",
}
"""Patterns of messages, one per line; the first match counts."""

_KIND_OF_WORDS = {
    kind: re.compile("|".join(line.strip() for line in words.strip().splitlines()), re.IGNORECASE)
    for kind, words in _WORDS.items()
}
_HAS_WORDS: Mapping[int, frozenset[Kind]] = {
    **dict.fromkeys((200, 400, 422, 500), frozenset(_WORDS)),
    403: frozenset({ContentFilterError, QuotaError, ModelNotServedError}),
    429: frozenset({QuotaError}),
    502: frozenset({ContextFullError}),  # OpenRouter, for the error of a server behind it
}
"""The kinds whose words count, by HTTP status."""

_SETTINGS = {"max_tokens", "max_completion_tokens", "temperature", "top_p", "stop"}
_WAIT = re.compile(
    r"(?:try again|retry) (?:in|after) (?:(?P<h>\d{1,3})h)?(?:(?P<m>\d{1,3})m(?!s))?"
    r"(?:(?P<n>\d{1,6}(?:\.\d{1,9})?) ?(?P<unit>ms|s(?:econds?)?)\b)?",
    re.IGNORECASE,
)
_LATER = re.compile(r"\b(retry|try again) (in|after) |per (minute|second|hour|day)", re.IGNORECASE)
"""A temporary limit, which Gemini words like a used-up quota."""

_KIND_OF_STATUS: Mapping[int, Kind] = {
    **dict.fromkeys((401, 403), AuthenticationError),
    402: QuotaError,
    **dict.fromkeys((404, 410), ModelNotServedError),
    **dict.fromkeys((405, 501), WrongAddressError),
    413: ContextFullError,
    424: ServerFaultError,  # TGI: generation failed
    **dict.fromkeys((408, 409, 425, 429, 498, 502, 503, 504, *range(520, 531)), OverloadedError),
}
_VAGUE_STATUSES = {200, 500}
"""With these the code in the body says more."""


@dataclass(frozen=True, slots=True)
class ServerError:
    """A server's description of an error.

    Attributes:
        status: The HTTP status, or the one in the body if HTTP's is vague.
        names: Codes and types, in lower case, the most specific first.
        words: The server's words on one line.
        message: The same to quote, truncated.
        param: The offending parameter, if named.
        overflow: The numbers of a prompt that is too long.
    """

    status: int
    names: tuple[str, ...]
    words: str
    message: str
    param: str
    overflow: Overflow

    @classmethod
    def read(cls, status: int, body: bytes) -> ServerError:
        """Read the body of an error, whatever it contains."""
        value = _json(body)
        error = _error_object(value)
        codes = [error.get(name) for name in ("code", "http_status_code", "status")]
        if status in _VAGUE_STATUSES:
            status = next(filter(None, map(_status_in, codes)), status)
        behind = _error_behind(error)
        detail = _detail(error)
        words = _words(behind) or _detail_words(detail) or _words(value) or excerpt(body)
        by = _provider(error) if behind else ""
        return cls(
            status,
            names=(*_names(behind), *_names(error), *_names(detail)),
            words=words,
            message=one_line(words + by),
            param=str(error.get("param") or _parameter(detail)),
            overflow=Overflow.read(words, {**error, **behind}),
        )

    def kind(self, *, may_pass: bool = False) -> Kind:
        """The class of the error.

        Args:
            may_pass: Whether the server named a time after which to retry.
        """
        if self.status == 413 or _TOO_LARGE.search(self.words):
            return ContextFullError
        by_name = (_KIND_OF_NAME[name] for name in self.names if name in _KIND_OF_NAME)
        kind = next(by_name, None) or self._kind_by_words()
        if kind is QuotaError and (may_pass or _LATER.search(self.words)):
            return OverloadedError
        return kind or self._kind_by_status()

    @property
    def wait_s(self) -> float | None:
        """Seconds to wait before the next try, as the words name them; None if they name none."""
        found = _WAIT.search(self.words)
        if found is None or not any(found.group("h", "m", "n")):
            return None
        hours, minutes, number = (float(found[name] or 0) for name in ("h", "m", "n"))
        return 3600 * hours + 60 * minutes + number / (1000 if found["unit"] == "ms" else 1)

    def _kind_by_words(self) -> Kind | None:
        kinds = _HAS_WORDS.get(self.status, frozenset())
        return next(
            (k for k, words in _KIND_OF_WORDS.items() if k in kinds and words.search(self.words)),
            None,
        )

    def _kind_by_status(self) -> Kind:
        if self.status in {400, 422} and self.param in _SETTINGS:
            return SettingRefusedError
        if self.status in _KIND_OF_STATUS:
            return _KIND_OF_STATUS[self.status]
        return ServerFaultError if self.status == 200 or self.status >= 500 else RejectedError


def excerpt(body: bytes) -> str:
    """The start of a body that is not JSON, on one line; the title of an HTML page."""
    if match := _TITLE.search(body[:_READ_CHARACTERS]):
        title = one_line(html.unescape(match[1].decode("utf-8", "replace")))
        if title:
            return f"{AN_HTML_PAGE}'{title}'."
    return one_line(body[: 4 * _QUOTED_CHARACTERS].decode("utf-8", "replace")) or "(empty)"


def one_line(text: str, most: int = _QUOTED_CHARACTERS) -> str:
    """A server's text on one line, truncated, without control characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= most else line[:most] + " ..."


def _json(body: bytes | str) -> Any:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value[0] if isinstance(value, list) and value else value  # Gemini wraps it in a list


def _error_object(value: Any) -> Mapping[str, Any]:
    """The error in a body: its fields are at the top level or in ``error``."""
    if not isinstance(value, dict):
        return {}
    error = value.get("error")
    return {**value, **error} if isinstance(error, dict) else value


def _error_behind(error: Mapping[str, Any]) -> Mapping[str, Any]:
    """The error of a server behind a proxy, as OpenRouter hands it on; empty without one."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if not isinstance(raw, str) or not raw.strip():
        return {}
    return _error_object(_json(raw)) or {"message": raw}


def _provider(error: Mapping[str, Any]) -> str:
    name = error["metadata"].get("provider_name")
    return f" ({name})" if isinstance(name, str) else ""


def _words(value: Any) -> str:
    """The server's words in a parsed body; empty without any."""
    error = value.get("error", value) if isinstance(value, dict) else None
    if isinstance(error, dict):
        error = error.get("message") or error.get("detail")
    return one_line(str(error), _READ_CHARACTERS) if error else ""


def _detail(error: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first refused parameter, in FastAPI's form; empty without one.

    Mistral has had it in ``detail``, and in ``message`` as an object, a list and a text.
    """
    said = error.get("detail") or error.get("message")
    said = _json(said) if isinstance(said, str) and said.lstrip().startswith("{") else said
    said = said.get("detail") if isinstance(said, dict) else said
    first = said[0] if isinstance(said, list) and said else None
    return first if isinstance(first, dict) else {}


def _detail_words(detail: Mapping[str, Any]) -> str:
    said = detail.get("msg")
    return one_line(f"{_parameter(detail)}: {said}".removeprefix(": ")) if said else ""


def _parameter(detail: Mapping[str, Any]) -> str:
    """The name of a refused parameter; empty without one."""
    place = detail.get("loc")
    return str(place[-1]) if isinstance(place, list) and place else ""


def _names(error: Mapping[str, Any]) -> Iterator[str]:
    inner = error.get("innererror")
    candidates = (
        *(error.get(name) for name in ("code", "type", "error_type", "status")),
        inner.get("code") if isinstance(inner, dict) else None,
    )
    for name in candidates:
        if isinstance(name, str) or (isinstance(name, int) and name > 999):
            yield str(name)[:100].lower()


def _status_in(code: Any) -> int | None:
    """A field of a body as an HTTP error status, if it is one."""
    try:
        number = int(code) if isinstance(code, str | int) else 0
    except ValueError:
        return None
    return number if 400 <= number <= 599 else None
