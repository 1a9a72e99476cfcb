"""The forms that a row may have: for each, a small function from the row to draft and other fields.

A function gets a row's fields as they are and returns those of a draft, and the rest; what the form
does not allow is :class:`Unusable`. Forms as published, read on 2026-11-21: FastChat
(``fastchat/llm_judge`` and ``fastchat/eval/table`` of lm-sys/FastChat), AlpacaEval (outputs of
tatsu-lab/alpaca_eval), OpenAI (the chat format of its fine-tuning guide), ShareGPT
(``conversations`` of FastChat's training data).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from revloop.draft import near_miss

Fields = dict[str, Any]
Converted = tuple[Fields, Fields]
"""The fields of a draft, and the row's other ones."""

NAMES = ("id", "prompt", "messages", "response")

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bard": "assistant",
    "bing": "assistant",
}


class Unusable(ValueError):  # noqa: N818 - no error of a caller's: it becomes a rejected row
    """A row that is not what its form promises; the message says why."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form that rows may have.

    Attributes:
        name: As on the command line.
        source: What it is.
        is_like: Whether a row surely has it.
        convert: From a row to a draft's fields and the rest.
    """

    name: str
    source: str
    is_like: Callable[[Mapping[str, Any]], bool]
    convert: Callable[[Mapping[str, Any]], Converted]


def of_row(row: Mapping[str, Any]) -> Converted:
    """A row of revloop's own: ``response``, with ``prompt`` or ``messages``, and maybe ``id``."""
    fields = {
        name: row[name]
        for name in NAMES
        # null stands for "not there", but a row without a response is a mistake to be told
        if name in row and (row[name] is not None or name == "response")
    }
    if what := near_miss(row):
        raise Unusable(what)
    return fields, {name: value for name, value in row.items() if name not in NAMES}


def mapped(fields: Mapping[str, str]) -> Callable[[Mapping[str, Any]], Converted]:
    """Rows whose fields have other names; see :func:`~revloop.rows.read_rows`."""
    ours = {name: name for name in NAMES} | dict(fields)
    taken = set(ours.values())

    def convert(row: Mapping[str, Any]) -> Converted:
        found = {name: at(row, path) for name, path in ours.items()}
        draft = {name: value for name, value in found.items() if value is not None}
        return draft, {name: value for name, value in row.items() if name not in taken}

    return convert


def at(row: Mapping[str, Any], path: str) -> Any:
    """What stands at a dotted path of a row; None where nothing does."""
    if path in row:
        return row[path]
    value: Any = row
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def of_alpaca_eval(row: Mapping[str, Any]) -> Converted:
    """AlpacaEval outputs: ``instruction`` and ``output``."""
    fields = {"prompt": row.get("instruction"), "response": row.get("output")}
    return with_id(row, fields), _without(row, "id", "instruction", "output")


def of_openai_chat(row: Mapping[str, Any]) -> Converted:
    """OpenAI chat: ``messages``, the last of which is the assistant's."""
    turns = [_turn(turn, "role", "content") for turn in _turns(row, "messages")]
    if turns[-1]["role"] != "assistant":
        raise Unusable("messages: the last one is not the assistant's, so there is no response")
    return with_id(row, draft_of_turns(turns)), _without(row, "id", "messages")


def of_sharegpt(row: Mapping[str, Any]) -> Converted:
    """ShareGPT: ``conversations``; the last turn of the model is the response."""
    turns = [_turn(turn, "from", "value") for turn in _turns(row, "conversations")]
    while turns and turns[-1]["role"] != "assistant":
        turns.pop()
    if not turns:
        raise Unusable("conversations: no turn of the model, so there is no response")
    return with_id(row, draft_of_turns(turns)), _without(row, "id", "conversations")


def draft_of_turns(turns: list[Fields]) -> Fields:
    """A draft of a conversation that ends with the response."""
    *before, last = turns
    draft: Fields = {"response": last["content"]}
    if len(before) == 1 and before[0]["role"] == "user":
        draft["prompt"] = before[0]["content"]
    elif before:
        draft["messages"] = before
    return draft


def with_id(row: Mapping[str, Any], fields: Fields) -> Fields:
    """A draft's fields, and the row's id where it has one."""
    return fields if row.get("id") is None else {"id": row["id"], **fields}


def _without(row: Mapping[str, Any], *names: str) -> Fields:
    return {name: value for name, value in row.items() if name not in names}


def _turns(row: Mapping[str, Any], name: str) -> list[Any]:
    turns = row.get(name)
    if not isinstance(turns, list) or not turns:
        raise Unusable(f"{name}: a list of turns should stand here")
    return turns


def _turn(turn: object, role: str, content: str) -> Fields:
    if not isinstance(turn, Mapping):
        raise Unusable("a turn should be an object")
    known = _ROLES.get(str(turn.get(role)))
    if known is None:
        raise Unusable(f"a turn of '{turn.get(role)}' cannot be used")
    return {"role": known, "content": _text(turn.get(content))}


def _text(content: object) -> str:
    """The text of a turn; OpenAI allows a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, Mapping) else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise Unusable("a turn holds something else than text")
    return "".join(str(text) for text in texts)


def _is_alpaca_eval(row: Mapping[str, Any]) -> bool:
    return {"instruction", "output", "generator"} <= row.keys()


def _is_openai_chat(row: Mapping[str, Any]) -> bool:
    turns = row.get("messages")
    last = turns[-1] if isinstance(turns, list) and turns else None
    return isinstance(last, Mapping) and last.get("role") == "assistant" and "content" in last


def _is_sharegpt(row: Mapping[str, Any]) -> bool:
    turns = row.get("conversations")
    first = turns[0] if isinstance(turns, list) and turns else None
    return isinstance(first, Mapping) and {"from", "value"} <= first.keys()


PLAIN = Form("rows", "revloop's own: prompt or messages, and response", lambda _: False, of_row)

CONVERSIONS = (
    PLAIN,
    Form("alpaca-eval", "AlpacaEval outputs", _is_alpaca_eval, of_alpaca_eval),
    Form("openai-chat", "OpenAI chat, the answer last", _is_openai_chat, of_openai_chat),
    Form("sharegpt", "ShareGPT conversations", _is_sharegpt, of_sharegpt),
)
"""The forms that take nothing but the row."""
