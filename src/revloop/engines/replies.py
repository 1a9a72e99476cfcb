"""Reads the replies of an OpenAI-compatible server, including errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from revloop.engines.classify import AN_HTML_PAGE, ServerError, excerpt, one_line
from revloop.engines.parameters import refused_parameter
from revloop.engines.rate_headers import asked_wait_s
from revloop.engines.thinking import THOUGHT_FIELDS, thoughts_of
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
from revloop.trajectory import FinishReason, Usage
from revloop.values import Text, explain

_REDIRECTS_FOR_NOW = {302, 303, 307}
"""Temporary redirects, from a proxy whose server is down for a moment (RFC 9110, 15.4)."""

_FINISH_WORDS: Mapping[FinishReason, str] = {
    "stop": """
        stop stop_sequence stop_token stop_str eos eos_token end_turn end complete completed
        finished""",
    "length": "length max_tokens max_length max_output_tokens max_new_tokens model_length",
    "content_filter": """
        content_filter content_filtered safety sensitive recitation blocklist prohibited_content
        spii""",
    "refusal": "refusal",
    "tool_calls": "tool_calls tool_use function_call",
}
"""The servers' words for the end of a reply, in lower case."""
_FINISH_REASON = {word: reason for reason, words in _FINISH_WORDS.items() for word in words.split()}
_CALLS = ("tool_calls", "function_call")
_MAY_REPLACE = {"refusal", *THOUGHT_FIELDS, *_CALLS, "role"}
"""Next to these, a message may have no content; Gemini leaves out an empty one."""
_CONTEXT_LENGTHS = (
    *("max_model_len", "loaded_context_length", "n_ctx", "context_length", "context_window"),
    *("max_context_length", "n_ctx_train"),
)
"""Fields of a listed model, the length that is served before the one that the model could have.

vLLM and SGLang; LM Studio; llama.cpp (in ``meta``); OpenRouter and Together; Groq; Mistral."""
_PARTS_OF_TEXT = {"text", "output_text"}
_A_WORD = re.compile(r"[A-Za-z_ :-]{1,40}")
"""What of a server's words may be quoted: no key looks like this."""
_GOOD = {200, 201}
"""Frameworks answer a POST with 201 by default (NestJS), and so do servers made with them."""

_SET_THE_KEY = "Set the server's key in REVLOOP_API_KEY."
_BY_A_PROXY = "A proxy or a firewall in front of the server refuses the request."
_EVENTS = re.compile(rb"\s*(?:data|event|id|retry)?:")
"""Begins server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
_DATA = re.compile(rb"^data:(.*)$", re.MULTILINE)

Quoted = Callable[[bytes], bytes]
TokenId = Annotated[int, Field(ge=0, lt=2**32)]

_CONTINUE_REPLIES = {"vllm", "sglang", "llamacpp"}
"""Owners of models whose servers know ``continue_final_message``. vLLM: its chat protocol. SGLang:
``ChatCompletionRequest``. llama.cpp: pull request 23012; before, it did so without being asked."""


class _Reply(BaseModel):
    """A server's words: errors about them do not quote them, because they may contain a key."""

    model_config = ConfigDict(hide_input_in_errors=True)


class ServedModel(_Reply):
    """One entry of ``/v1/models``."""

    id: str
    root: str | None = Field(default=None, description="vLLM: folder or hub id of the model.")
    context_tokens: Annotated[int, Field(gt=0)] | None = None
    owner: str = Field(default="", description="``owned_by``: what serves it, or who made it.")
    is_vllm: bool = False
    continues_replies: bool = Field(
        default=False, description="Whether it is known to continue a reply that was begun."
    )


class Answer(_Reply):
    """The used part of a completion's reply."""

    text: Text
    thoughts: Text = ""
    finish_reason: FinishReason | None = Field(description="None if not reported.")
    stop_text: str | None = None
    token_ids: tuple[TokenId, ...] = ()
    usage: Usage


def served(reply: Mapping[str, Any], where: str) -> list[ServedModel]:
    """The models in the reply to ``/v1/models``.

    Raises:
        BadReplyError: The reply is malformed.
    """
    entries = reply.get("data")
    if not isinstance(entries, list):
        raise BadReplyError(f"{where} sent no list of models.")
    try:
        return [_served(entry) for entry in entries]
    except (ValidationError, TypeError, AttributeError) as exc:
        raise BadReplyError(f"{where} sent a malformed list of models.") from exc


def _served(entry: Mapping[str, Any]) -> ServedModel:
    owner = entry.get("owned_by")
    owner = owner if isinstance(owner, str) else ""
    known = {
        "owner": owner,
        "is_vllm": owner == "vllm",
        "continues_replies": owner in _CONTINUE_REPLIES,
    }
    meta = entry.get("meta")
    places = (entry, meta) if isinstance(meta, dict) else (entry,)
    lengths = (_count(place.get(name)) for name in _CONTEXT_LENGTHS for place in places)
    context_tokens = next(filter(None, lengths), None)
    return ServedModel.model_validate({**entry, **known, "context_tokens": context_tokens})


def read_completion(reply: Mapping[str, Any], where: str) -> Answer:
    """The answer in the reply to a completion or a chat completion.

    Raises:
        BadReplyError: A required part is missing or malformed.
    """
    try:
        choice = reply["choices"][0]
        stop_reason = choice.get("stop_reason")
        text = _text_of(choice)
        said = choice.get("finish_reason")
        return Answer(
            text=text or _refusal_of(choice),
            thoughts=thoughts_of(choice.get("message")),
            finish_reason=_finish_reason(said, choice, has_text=bool(text), where=where),
            stop_text=stop_reason if isinstance(stop_reason, str) else None,
            token_ids=choice.get("token_ids") or (),
            usage=usage_in(reply),
        )
    except (KeyError, IndexError, TypeError, AttributeError) as exc:
        raise BadReplyError(f"{where} sent a malformed reply: {_lack_of(reply)}.") from exc
    except ValidationError as exc:
        raise BadReplyError(f"{where} sent a malformed reply: {explain(exc)}") from exc


def _lack_of(reply: Mapping[str, Any]) -> str:
    """What a reply lacks that cannot be read: only names of fields are told, no values."""
    choices = reply.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict):
        return f"it has no choices, but these fields: {_fields(reply)}"
    message = first.get("message")
    if isinstance(message, dict):
        return f"its message has no text that can be read, but these fields: {_fields(message)}"
    return f"its choice has neither a message nor a text, but these fields: {_fields(first)}"


def _fields(value: Mapping[str, Any]) -> str:
    return one_line(", ".join(value)) or "none"


def _text_of(choice: Mapping[str, Any]) -> Any:
    """The text of a choice; empty if there is none, for example after endless thoughts."""
    message = choice.get("message")
    if not isinstance(message, dict):
        return choice["text"] if choice["text"] is not None else ""
    content = message.get("content") if message.keys() & _MAY_REPLACE else message["content"]
    if content is None:
        return ""
    return "".join(map(_part, content)) if isinstance(content, list) else content


def _part(part: Any) -> str:
    """The text of one part of a message; empty for a thought or a refusal."""
    if isinstance(part, str):
        return part
    if part.get("type", "text") not in _PARTS_OF_TEXT:
        return ""
    text: str = part["text"]
    return text


def _refusal_of(choice: Mapping[str, Any]) -> str:
    """The model's own refusal, in a field or a part of its own; empty without one."""
    message = choice.get("message")
    if not isinstance(message, dict):
        return ""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    said = [message.get("refusal"), *(p.get("refusal") for p in parts if isinstance(p, dict))]
    return "".join(one for one in said if isinstance(one, str))


def _finish_reason(
    said: Any, choice: Mapping[str, Any], *, has_text: bool, where: str
) -> FinishReason | None:
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    if any(message.get(name) for name in _CALLS):
        return "tool_calls"
    if not has_text and _refusal_of(choice):
        return "refusal"
    if said is None or said == "":
        return None
    # Gemini adds details after a colon
    reason = _FINISH_REASON.get(str(said).lower().partition(":")[0])
    if reason is None:
        shown = f"'{said}'" if _A_WORD.fullmatch(str(said)) else "a value"
        raise BadReplyError(
            f"{where} sent a malformed reply: finish_reason: {shown} is not known, so the reply "
            "may be incomplete."
        )
    return "stop" if reason == "tool_calls" and has_text else reason


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


def usage_in(reply: Mapping[str, Any]) -> Usage:
    """The token counts of a reply; an invalid one does not invalidate the answer.

    Where there is only a total, as for rewards, it is the prompt's.
    """
    raw = reply.get("usage")
    counts = raw if isinstance(raw, dict) else {}
    return Usage(
        prompt_tokens=_count(counts.get("prompt_tokens", counts.get("total_tokens"))) or 0,
        generated_tokens=_count(counts.get("completion_tokens")) or 0,
        cached_tokens=_cached(counts),
        thinking_tokens=_detail(counts, "completion_tokens_details", "reasoning_tokens"),
    )


def _cached(counts: Mapping[str, Any]) -> int | None:
    """Prompt tokens from the cache; None if not reported.

    In OpenAI's place (vLLM fills it with ``--enable-prompt-tokens-details``), in DeepSeek's, or in
    Moonshot's.
    """
    told = _detail(counts, "prompt_tokens_details", "cached_tokens")
    beside = (counts.get("prompt_cache_hit_tokens"), counts.get("cached_tokens"))
    return next((count for count in (told, *map(_count, beside)) if count is not None), None)


def _detail(counts: Mapping[str, Any], group: str, name: str) -> int | None:
    details = counts.get(group)
    return _count(details.get(name)) if isinstance(details, dict) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None
