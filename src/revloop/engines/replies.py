"""Reads the replies of an OpenAI-compatible server: models, answers and token counts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from revloop.engines.classify import one_line
from revloop.engines.thinking import THOUGHT_FIELDS, thoughts_of
from revloop.errors import BadReplyError
from revloop.trajectory import FinishReason, Usage
from revloop.values import Text, explain

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    """Its names, without those that may repeat a key."""
    return one_line(", ".join(filter(_A_WORD.fullmatch, value))) or "none with a plain name"


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
