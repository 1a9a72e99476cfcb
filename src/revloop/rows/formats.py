"""The formats that a row may have, each with a small function from row to draft and other fields.

A function gets a row's fields and returns those of a draft, and the rest; what the format does not
allow raises :class:`UnusableRow`. Formats as published, read on 2026-11-25: FastChat and MT-Bench
(``fastchat/llm_judge`` and ``fastchat/eval/table`` of lm-sys/FastChat), Arena-Hard (both versions
of ``gen_answer.py`` of lmarena/arena-hard-auto), AlpacaEval (outputs of tatsu-lab/alpaca_eval),
OpenAI (the chat format of its fine-tuning guide), ShareGPT (``conversations`` of FastChat's
training data, ``system`` as LLaMA-Factory documents it), Magpie, LMSYS-Chat-1M and WildChat (their
data set cards), TRL (prompt-completion of its dataset formats).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from revloop.rows.row import UnusableRow
from revloop.trajectory import near_miss, text_of
from revloop.values import read_json

Fields = dict[str, Any]
Converted = tuple[Fields, Fields]
"""The fields of a draft, and the row's other ones."""

NAMES = ("id", "prompt", "messages", "response")
LATER_TURNS, RESPONSE_FIELDS = "later_turns", "response_fields"
"""Where the rest holds turns after the response, and the response turn's other fields."""

_ROLES = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bard", "bing", "model"), "assistant"),
}
_ROLE_KEYS, _TEXT_KEYS = ("role", "from"), ("content", "value")


@dataclass(frozen=True, slots=True)
class RowFormat:
    """A format that rows may have.

    Attributes:
        name: As on the command line.
        source: What it is.
        is_like: Whether a row surely has it.
        convert: From a row to a draft's fields and the rest.
        names: Our names of fields to the format's; a name is missing if no single field holds it.
    """

    name: str
    source: str
    is_like: Callable[[Mapping[str, Any]], bool]
    convert: Callable[[Mapping[str, Any]], Converted]
    names: Mapping[str, str] = field(default_factory=lambda: {"id": "id"})


def from_row(row: Mapping[str, Any]) -> Converted:
    """Revloop's own: ``response``, with ``prompt`` or ``messages``, and maybe ``id``."""
    fields = {
        name: row[name]
        for name in NAMES
        # null means "missing", but a row without a response is a mistake to report
        if name in row and (row[name] is not None or name == "response")
    }
    if what := near_miss(row):
        raise UnusableRow(what)
    if isinstance(fields.get("messages"), str):
        fields["messages"] = _turns(row, "messages")
    rest = _without(row, *NAMES)
    if are_turns(fields.get("response")):
        _take_response(fields, rest)
    return fields, rest


def value_at(row: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path of a row; None if there is none.

    A number is an index into a list, from its end if negative.
    """
    if path in row:
        return row[path]
    value: Any = row
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.removeprefix("-").isdecimal():
            place = int(part)
            value = value[place] if -len(value) <= place < len(value) else None
        else:
            return None
    return value


def from_alpaca_eval(row: Mapping[str, Any]) -> Converted:
    """AlpacaEval outputs: ``instruction`` and ``output``."""
    fields = {"prompt": row.get("instruction"), "response": row.get("output")}
    return with_id(row, fields), _without(row, "id", "instruction", "output")


def from_alpaca(row: Mapping[str, Any]) -> Converted:
    """Alpaca and similar: an instruction, maybe an input (Dolly: a context), and the answer."""
    answer = "response" if "response" in row else "output"
    texts = [row.get("instruction"), *(row.get(name) for name in ("input", "context"))]
    given = [text for text in texts if text not in {None, ""}]
    if not all(isinstance(text, str) for text in given):
        raise UnusableRow("instruction, input: should be a string")
    fields: Fields = {"prompt": "\n\n".join(given), "response": row.get(answer)}
    return with_id(row, fields), _without(row, "id", "instruction", "input", "context", answer)


def from_completion(row: Mapping[str, Any]) -> Converted:
    """TRL's prompt and completion, each a text or a list of turns."""
    fields = {"prompt": row.get("prompt"), "response": row.get("completion")}
    rest = _without(row, "id", "prompt", "completion")
    if are_turns(fields["response"]):
        _take_response(fields, rest)
    return with_id(row, fields), rest


def from_openai_chat(row: Mapping[str, Any]) -> Converted:
    """OpenAI chat: ``messages`` that end with the assistant's."""
    turns = [_turn(turn) for turn in _turns(row, "messages")]
    if turns[-1]["role"] != "assistant":
        raise UnusableRow("messages: the last one is not the assistant's, so there is no response")
    rest = _without(row, "id", "messages")
    return with_id(row, draft_of_turns(turns, rest)), rest


def from_conversation(row: Mapping[str, Any]) -> Converted:
    """LMSYS-Chat-1M and WildChat: ``conversation``; the model's last turn is the response."""
    fields, rest = _from_chat(row, "conversation")
    if row.get("id") is None and row.get("conversation_id") is not None:
        fields["id"] = row["conversation_id"]
    return fields, rest


def from_sharegpt(row: Mapping[str, Any]) -> Converted:
    """ShareGPT and Magpie: ``conversations``; the model's last turn is the response."""
    fields, rest = _from_chat(row, "conversations")
    if rest.get("response") == fields["response"]:  # Magpie repeats it
        del rest["response"]
    return fields, rest


def _from_chat(row: Mapping[str, Any], name: str) -> Converted:
    given = _turns(row, name)
    turns = [_turn(turn) for turn in given]
    answers = [place for place, turn in enumerate(turns) if turn["role"] == "assistant"]
    if not answers:
        raise UnusableRow(f"{name}: no turn of the assistant, so there is no response")
    end = answers[-1] + 1
    rest = _without(row, "id", name)
    system = rest.get("system")
    if isinstance(system, str) and system and turns[0]["role"] != "system":
        turns, end = [{"role": "system", "content": rest.pop("system")}, *turns], end + 1
    fields = draft_of_turns(turns[:end], rest)
    if turns[end:]:
        rest[_free(LATER_TURNS, rest)] = given[answers[-1] + 1 :]
    return with_id(row, fields), rest


def _take_response(fields: Fields, rest: Fields) -> None:
    """Make a draft of a response that is a list of turns, such as TRL's completions.

    Turns before the answer belong to the conversation; some data sets repeat the prompt there.
    """
    *before, last = (_turn(turn) for turn in fields["response"])
    if last["role"] != "assistant":
        raise UnusableRow("response: the last turn is not the assistant's")
    prompt = fields.pop("messages", None) or fields.get("prompt") or []
    asked = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    if not are_turns(asked):
        if asked:
            raise UnusableRow("prompt: should be a string or a list of turns")
        asked = []
    asked = [_turn(turn) for turn in asked]
    if before[: len(asked)] != asked:
        before = [*asked, *before]
    fields.pop("prompt", None)
    fields |= draft_of_turns([*before, last], rest)


def draft_of_turns(turns: list[Fields], rest: Fields | None = None) -> Fields:
    """A draft of a conversation that ends with the response.

    Args:
        turns: Oldest first.
        rest: Gets the other fields of the response's turn.
    """
    *before, last = turns
    draft: Fields = {"response": last["content"]}
    others = _without(last, "role", "content")
    if others and rest is not None:
        rest[_free(RESPONSE_FIELDS, rest)] = others
    if len(before) == 1 and before[0]["role"] == "user" and len(before[0]) == 2:
        draft["prompt"] = before[0]["content"]
    elif before:
        draft["messages"] = before
    return draft


def with_id(row: Mapping[str, Any], fields: Fields) -> Fields:
    """A draft's fields, and the row's id where it has one."""
    return fields if row.get("id") is None else {"id": row["id"], **fields}


def are_turns(value: object) -> bool:
    """Whether something is a list of turns, with known field names."""
    first = value[0] if isinstance(value, list) and value else None
    if not isinstance(first, Mapping):
        return False
    return any(
        role in first and text in first for role, text in zip(_ROLE_KEYS, _TEXT_KEYS, strict=True)
    )


def _without(row: Mapping[str, Any], *names: str) -> Fields:
    return {name: value for name, value in row.items() if name not in names}


def _free(name: str, rest: Mapping[str, Any]) -> str:
    while name in rest:
        name = f"{name}_"
    return name


def _turns(row: Mapping[str, Any], name: str) -> list[Any]:
    """The turns in a field: a list, or its JSON text, as in tables."""
    turns = row.get(name)
    if isinstance(turns, str) and turns.lstrip().startswith("["):
        try:
            turns = read_json(turns)
        except ValueError as exc:
            raise UnusableRow(f"{name}: not JSON: {exc}") from exc
    if not isinstance(turns, list) or not turns:
        raise UnusableRow(f"{name}: should be a list of turns")
    return turns


def _turn(turn: object) -> Fields:
    """A turn with our names and roles, and its other fields that are not null."""
    if not isinstance(turn, Mapping):
        raise UnusableRow("a turn should be an object")
    role, text = _key_in(turn, _ROLE_KEYS), _key_in(turn, _TEXT_KEYS)
    known = _ROLES.get(str(turn.get(role)).casefold())
    if known is None:
        raise UnusableRow(f"a turn has the unknown role '{turn.get(role)}'")
    others = {
        key: item for key, item in turn.items() if item is not None and key not in {role, text}
    }
    return {"role": known, "content": _text(turn.get(text)), **others}


def _key_in(turn: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The name that a turn uses; a table may have columns for several."""
    return next((name for name in names if turn.get(name) is not None), names[0])


def _text(content: object) -> str:
    if isinstance(content, Mapping) and isinstance(content.get("answer"), str):
        return str(content["answer"])  # Arena-Hard 2
    try:
        return text_of(content)
    except ValueError as exc:
        raise UnusableRow(f"a turn {exc}") from exc


def _is_alpaca_eval(row: Mapping[str, Any]) -> bool:
    return {"instruction", "output", "generator"} <= row.keys() and "response" not in row


def _is_alpaca(row: Mapping[str, Any]) -> bool:
    """Only with a response: with an output it may be AlpacaEval's, so it must be named."""
    return (
        {"instruction", "response"} <= row.keys() and not _has_prompt(row) and "output" not in row
    )


def _is_completion(row: Mapping[str, Any]) -> bool:
    return {"prompt", "completion"} <= row.keys() and "response" not in row


def _is_openai_chat(row: Mapping[str, Any]) -> bool:
    turns = row.get("messages")
    last = turns[-1] if isinstance(turns, list) and turns else None
    is_answer = isinstance(last, Mapping) and last.get("role") == "assistant" and "content" in last
    return is_answer and "response" not in row


def _is_conversation(row: Mapping[str, Any]) -> bool:
    return are_turns(row.get("conversation")) and not _has_prompt(row) and "response" not in row


def _is_sharegpt(row: Mapping[str, Any]) -> bool:
    return are_turns(row.get("conversations")) and not _has_prompt(row)


def _has_prompt(row: Mapping[str, Any]) -> bool:
    return row.get("prompt") is not None or row.get("messages") is not None


def _is_plain(row: Mapping[str, Any]) -> bool:
    return "response" in row and not isinstance(row["response"], Mapping)


PLAIN = RowFormat(
    "rows",
    "revloop's own: prompt or messages, and response",
    _is_plain,
    from_row,
    {name: name for name in NAMES},
)
_INSTRUCTION = {"id": "id", "prompt": "instruction", "response": "output"}

ROW_FORMATS = (
    RowFormat(
        "prompt-completion",
        "TRL prompt and completion",
        _is_completion,
        from_completion,
        {"id": "id", "prompt": "prompt", "messages": "prompt", "response": "completion"},
    ),
    RowFormat(
        "openai-chat",
        "OpenAI chat, the answer last",
        _is_openai_chat,
        from_openai_chat,
        {"id": "id", "messages": "messages"},
    ),
    RowFormat(
        "sharegpt",
        "ShareGPT, Magpie",
        _is_sharegpt,
        from_sharegpt,
        {"id": "id", "messages": "conversations"},
    ),
    RowFormat(
        "conversation",
        "LMSYS-Chat-1M, WildChat",
        _is_conversation,
        from_conversation,
        {"id": "id", "messages": "conversation"},
    ),
    RowFormat("alpaca-eval", "AlpacaEval outputs", _is_alpaca_eval, from_alpaca_eval, _INSTRUCTION),
    RowFormat("alpaca", "Alpaca, Dolly: an instruction", _is_alpaca, from_alpaca, _INSTRUCTION),
    PLAIN,
)
"""The formats that need nothing but the row; a row has the first that it is like."""
