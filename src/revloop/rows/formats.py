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
from dataclasses import dataclass
from typing import Any

from revloop.rows.row import UnusableRow
from revloop.trajectory import near_miss, text_of
from revloop.values import read_json

Fields = dict[str, Any]
Converted = tuple[Fields, Fields]
"""The fields of a draft, and the row's other ones."""
Convert = Callable[[Mapping[str, Any]], Converted]

NAMES = ("id", "prompt", "messages", "response")
PLAIN = "rows"
"""The name of revloop's own format."""

_LATER_TURNS, _RESPONSE_FIELDS = "later_turns", "response_fields"
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
        is_like: Whether a row surely has it.
        convert: From a row to a draft's fields and the rest.
        names: Our names of fields to the format's; a name is missing if no single field holds it.
    """

    is_like: Callable[[Mapping[str, Any]], bool]
    convert: Convert
    names: Mapping[str, str]


ROW_FORMATS: dict[str, RowFormat] = {}
"""The formats that need nothing but the row, by name; a row has the first that it is like."""


def _row_format(
    name: str, is_like: Callable[[Mapping[str, Any]], bool], **names: str
) -> Callable[[Convert], Convert]:
    def register(convert: Convert) -> Convert:
        ROW_FORMATS[name] = RowFormat(is_like, convert, {"id": "id", **names})
        return convert

    return register


@_row_format(
    "prompt-completion",
    lambda row: {"prompt", "completion"} <= row.keys() and "response" not in row,
    prompt="prompt",
    messages="prompt",
    response="completion",
)
def _from_completion(row: Mapping[str, Any]) -> Converted:
    """TRL's prompt and completion, each a text or a list of turns."""
    fields = {"prompt": row.get("prompt"), "response": row.get("completion")}
    rest = _without(row, "id", "prompt", "completion")
    if are_turns(fields["response"]):
        _take_response(fields, rest)
    return _with_id(row, fields), rest


def _ends_with_answer(row: Mapping[str, Any]) -> bool:
    turns = row.get("messages")
    last = turns[-1] if isinstance(turns, list) and turns else None
    return isinstance(last, Mapping) and last.get("role") == "assistant" and "content" in last


@_row_format(
    "openai-chat",
    lambda row: _ends_with_answer(row) and "response" not in row,
    messages="messages",
)
def _from_openai_chat(row: Mapping[str, Any]) -> Converted:
    """OpenAI chat: ``messages`` that end with the assistant's."""
    turns = [_turn(turn) for turn in _turns(row, "messages")]
    if turns[-1]["role"] != "assistant":
        raise UnusableRow("messages: the last one is not the assistant's, so there is no response")
    rest = _without(row, "id", "messages")
    return _with_id(row, draft_of_turns(turns, rest)), rest


@_row_format(
    "sharegpt",
    lambda row: are_turns(row.get("conversations")) and not _has_prompt(row),
    messages="conversations",
)
def _from_sharegpt(row: Mapping[str, Any]) -> Converted:
    """ShareGPT and Magpie: ``conversations``; the model's last turn is the response."""
    fields, rest = _from_chat(row, "conversations")
    if rest.get("response") == fields["response"]:  # Magpie repeats it
        del rest["response"]
    return fields, rest


@_row_format(
    "conversation",
    lambda row: (
        are_turns(row.get("conversation")) and not _has_prompt(row) and "response" not in row
    ),
    messages="conversation",
)
def _from_conversation(row: Mapping[str, Any]) -> Converted:
    """LMSYS-Chat-1M and WildChat: ``conversation``; the model's last turn is the response."""
    fields, rest = _from_chat(row, "conversation")
    if row.get("id") is None and row.get("conversation_id") is not None:
        fields["id"] = row["conversation_id"]
    return fields, rest


@_row_format(
    "alpaca-eval",
    lambda row: {"instruction", "output", "generator"} <= row.keys() and "response" not in row,
    prompt="instruction",
    response="output",
)
def _from_alpaca_eval(row: Mapping[str, Any]) -> Converted:
    """AlpacaEval outputs: ``instruction`` and ``output``."""
    fields = {"prompt": row.get("instruction"), "response": row.get("output")}
    return _with_id(row, fields), _without(row, "id", "instruction", "output")


def _is_alpaca(row: Mapping[str, Any]) -> bool:
    """Only with a response: with an output it may be AlpacaEval's, so it must be named."""
    has_both = {"instruction", "response"} <= row.keys()
    return has_both and not _has_prompt(row) and "output" not in row


@_row_format("alpaca", _is_alpaca, prompt="instruction", response="output")
def _from_alpaca(row: Mapping[str, Any]) -> Converted:
    """Alpaca and similar: an instruction, maybe an input (Dolly: a context), and the answer."""
    answer = "response" if "response" in row else "output"
    texts = [row.get(name) for name in ("instruction", "input", "context")]
    given = [text for text in texts if text is not None and text != ""]
    if not all(isinstance(text, str) for text in given):
        raise UnusableRow("instruction, input: should be a string")
    fields: Fields = {"prompt": "\n\n".join(map(str, given)), "response": row.get(answer)}
    return _with_id(row, fields), _without(row, "id", "instruction", "input", "context", answer)


@_row_format(
    PLAIN,
    lambda row: "response" in row and not isinstance(row["response"], Mapping),
    **{name: name for name in NAMES},
)
def _from_row(row: Mapping[str, Any]) -> Converted:
    """Our own format: ``response``, with ``prompt`` or ``messages``, and maybe ``id``."""
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
        rest[_free(_RESPONSE_FIELDS, rest)] = others
    if len(before) == 1 and before[0]["role"] == "user" and len(before[0]) == 2:
        draft["prompt"] = before[0]["content"]
    elif before:
        draft["messages"] = before
    return draft


def are_turns(value: object) -> bool:
    """Whether something is a list of turns, with known field names."""
    first = value[0] if isinstance(value, list) and value else None
    if not isinstance(first, Mapping):
        return False
    return any(
        role in first and text in first for role, text in zip(_ROLE_KEYS, _TEXT_KEYS, strict=True)
    )


def _from_chat(row: Mapping[str, Any], name: str) -> Converted:
    given = _turns(row, name)
    turns = [_turn(turn) for turn in given]
    answers = [place for place, turn in enumerate(turns) if turn["role"] == "assistant"]
    if not answers:
        raise UnusableRow(f"{name}: no turn of the assistant, so there is no response")
    end = answers[-1] + 1
    rest = _without(row, "id", name)
    later = given[end:]
    turns = turns[:end]
    system = rest.get("system")
    if isinstance(system, str) and system and turns[0]["role"] != "system":
        turns = [{"role": "system", "content": rest.pop("system")}, *turns]
    fields = draft_of_turns(turns, rest)
    if later:
        rest[_free(_LATER_TURNS, rest)] = later
    return _with_id(row, fields), rest


def _take_response(fields: Fields, rest: Fields) -> None:
    """Make a draft of a response that is a list of turns, such as TRL's completions.

    Turns before the answer belong to the conversation; some data sets repeat the prompt there.
    """
    *before, last = (_turn(turn) for turn in fields["response"])
    if last["role"] != "assistant":
        raise UnusableRow("response: the last turn is not the assistant's")
    prompt = fields.pop("messages", None) or fields.pop("prompt", None) or []
    asked = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    if asked and not are_turns(asked):
        raise UnusableRow("prompt: should be a string or a list of turns")
    asked = [_turn(turn) for turn in asked]
    if before[: len(asked)] != asked:
        before = [*asked, *before]
    fields.pop("prompt", None)
    fields |= draft_of_turns([*before, last], rest)


def _with_id(row: Mapping[str, Any], fields: Fields) -> Fields:
    return fields if row.get("id") is None else {"id": row["id"], **fields}


def _without(row: Mapping[str, Any], *names: str) -> Fields:
    return {name: value for name, value in row.items() if name not in names}


def _free(name: str, rest: Mapping[str, Any]) -> str:
    while name in rest:
        name = f"{name}_"
    return name


def _has_prompt(row: Mapping[str, Any]) -> bool:
    return row.get("prompt") is not None or row.get("messages") is not None


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
