"""A draft: a response to revise, and the prompt it answers."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    model_validator,
)

from revloop.errors import InputError
from revloop.values import (
    Frozen,
    Number,
    Text,
    WrittenExactly,
    digest_of,
    encodable,
    explain,
    has_exact_numbers,
    json_text,
)

Role = Literal["system", "user", "assistant"]

_LIKENESS = 0.87
"""Similarity that makes a name a typo of another: one wrong letter in six."""


def _jsonable(extra: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(extra, ensure_ascii=False).encode()
    except UnicodeEncodeError as exc:
        raise ValueError("contains a lone surrogate, which UTF-8 cannot encode") from exc
    except (TypeError, ValueError, RecursionError) as exc:
        raise ValueError(f"contains something that JSON cannot express ({exc})") from exc
    return extra


def text_of(content: object) -> str:
    """The text of a turn: a string, or a list of parts, whose texts are joined.

    Raises:
        ValueError: It contains something other than text: an image, a file, nothing.
    """
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list | tuple) and content else [content]
    return "".join(map(_text_of_part, parts))


def _text_of_part(part: object) -> str:
    if isinstance(part, str):
        return part
    kind = part.get("type") if isinstance(part, Mapping) else None
    text = part.get("text") if isinstance(part, Mapping) else None
    if not isinstance(text, str) or kind not in _TEXT_PARTS:
        raise ValueError("contains something other than text" + (f" ({kind})" if kind else ""))
    return text


_TEXT_PARTS = {None, "text", "input_text", "output_text"}


class Message(Frozen):
    """One turn of a conversation.

    Other fields of a turn (``name``, ``weight``, ``tool_calls``) are carried through, and no critic
    sees them; null ones are dropped. ``developer`` is read as ``system``, and a list of text parts
    as their joined texts.
    """

    model_config = ConfigDict(extra="allow")

    role: Role
    content: Text

    @model_validator(mode="before")
    @classmethod
    def _as_published(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        turn = {key: value for key, value in data.items() if value is not None or key in _TURN}
        if turn.get("role") == "developer":
            turn["role"] = "system"
        if isinstance(turn.get("content"), list | tuple):
            turn["content"] = text_of(turn["content"])
        return turn

    @model_validator(mode="after")
    def _writable(self) -> Message:
        _jsonable(self.other_fields)
        return self

    @property
    def other_fields(self) -> dict[str, Any]:
        """The turn's fields except role and content."""
        return self.model_extra or {}


_TURN = ("role", "content")
_CONTENT = ("prompt", "messages", "response")


def _digest_of_content(data: dict[str, Any]) -> str:
    # pydantic 2.12 calls this even if a field is missing; it rejects the draft afterwards
    turns = [_turn_of(message) for message in data.get("messages") or ()]
    return digest_of(data.get("prompt"), turns, data.get("response"))


def _turn_of(message: Message) -> list[str]:
    """What identifies a turn: its other fields too, since they are in the output."""
    other = message.other_fields
    return [message.role, message.content, *([json_text(other)] if other else [])]


def _id(value: object) -> int | float | str:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("Input should be a valid string or number")  # noqa: TRY004 - pydantic's own way
    if isinstance(value, float) and not (math.isfinite(value) or isinstance(value, Number)):
        raise ValueError("Input should be a valid string or number, not NaN or infinity")
    if isinstance(value, str):
        if not value:
            raise ValueError("is empty")
        encodable(value)
    return value


class Draft(WrittenExactly):
    """A response to revise, and the prompt it answers.

    Set ``prompt`` or ``messages``, or neither if the prompt is unknown; never both.
    """

    prompt: Text | None = Field(default=None, description="A prompt of one turn.")
    messages: Annotated[tuple[Message, ...], Field(min_length=1)] | None = Field(
        default=None, description="A conversation, oldest turn first, without the response."
    )
    response: Text = Field(description="The text to improve; never blank.")
    id: Annotated[int | float | str, PlainValidator(_id)] = Field(
        default_factory=_digest_of_content,
        description="The user's id, with its type: 1 and '1' are two ids. Default: a digest of the "
        "content.",
    )
    extra: Annotated[dict[str, Any], AfterValidator(_jsonable)] = Field(
        default_factory=dict, description="The user's own fields, carried through unchanged."
    )

    @model_validator(mode="before")
    @classmethod
    def _turns_in_prompt(cls, data: object) -> object:
        """A prompt that is a list of turns (TRL's format) is a conversation."""
        if not isinstance(data, Mapping) or data.get("messages") is not None:
            return data
        turns = data.get("prompt")
        if not isinstance(turns, list | tuple) or not turns:
            return data
        if not all(isinstance(turn, Mapping | Message) for turn in turns):
            return data
        return {**data, "prompt": None, "messages": turns}

    @model_validator(mode="after")
    def _usable(self) -> Draft:
        if self.prompt is not None and self.messages is not None:
            raise ValueError("give 'prompt' or 'messages', not both")
        if not self.response.strip():
            raise ValueError("the response is empty")
        return self

    @property
    def key(self) -> str:
        """The id as JSON, in which 1 and "1" differ."""
        return json_text(self.id)

    @property
    def name(self) -> str:
        """The id as text, for columns of strings."""
        return self.id if isinstance(self.id, str) else self.key

    @property
    def has_exact_numbers(self) -> bool:
        """Whether a user's field contains a :class:`~revloop.values.Number`."""
        turns = [message.other_fields for message in self.messages or ()]
        return has_exact_numbers([self.id, self.extra, turns])

    @property
    def conversation(self) -> tuple[Message, ...]:
        """The prompt as messages, oldest first; empty if no prompt is known."""
        if self.messages is not None:
            return self.messages
        return () if self.prompt is None else (Message(role="user", content=self.prompt),)

    @property
    def prompt_text(self) -> str:
        """The prompt as one text for a judge; empty if none is known.

        A single user turn is used as it is; several turns are prefixed with their roles.
        """
        if self.messages is None:
            return self.prompt or ""
        turns = self.messages
        if len(turns) == 1 and turns[0].role == "user":
            return turns[0].content
        return "\n\n".join(f"{turn.role.capitalize()}: {turn.content}" for turn in turns)

    @property
    def content_digest(self) -> str:
        """A digest of prompt and response; the id does not matter."""
        return _digest_of_content({name: getattr(self, name) for name in _CONTENT})

    def content_with(self, fields: Iterable[str]) -> str:
        """The digest of the content, with one of some of the user's fields after it.

        Args:
            fields: Names of fields that decide the versions; those that the draft lacks, or that
                are null, do not matter.
        """
        seen = {
            name: self.extra[name] for name in sorted(fields) if self.extra.get(name) is not None
        }
        return (
            f"{self.content_digest}+{digest_of(json_text(seen))}" if seen else self.content_digest
        )


def as_draft(source: str | Mapping[str, Any] | Draft, *, prompt: object = None) -> Draft:
    """Convert a response, a mapping or a draft to a draft.

    Args:
        source: A response, a mapping with ``response`` and optionally ``id``, ``prompt`` or
            ``messages`` (other keys go into ``extra``), or a draft.
        prompt: The prompt that a bare response answers: a string, or a sequence of chat messages.

    Raises:
        InputError: The response is missing, a field is misspelt (``promt``), or a value has the
            wrong type.
    """
    if isinstance(source, Draft):
        if prompt is not None:
            raise InputError("The draft has its own prompt: leave out 'prompt'.")
        return source
    if isinstance(source, str):
        data: dict[str, Any] = {"response": source}
    elif isinstance(source, Mapping):
        data = _by_field(source, with_prompt=prompt is not None)
    else:
        kind = type(source).__name__
        raise InputError(f"A response must be a string, a mapping or a Draft, not {kind}.")
    if prompt is not None and (data.get("prompt"), data.get("messages")) != (None, None):
        raise InputError("The draft has its own prompt: leave out 'prompt'.")
    if isinstance(prompt, str):
        data["prompt"] = prompt
    elif isinstance(prompt, Sequence):
        data["messages"] = tuple(prompt)
    elif prompt is not None:
        kind = type(prompt).__name__
        raise InputError(f"A prompt must be a string or a sequence of messages, not {kind}.")
    try:
        return Draft.model_validate(data)
    except ValidationError as exc:
        raise InputError(f"The draft cannot be used: {explain(exc)}.") from exc


def near_miss(names: Iterable[str]) -> str | None:
    """What is wrong with a draft's field names, if one is misspelt.

    A name is misspelt if it resembles a field that is missing; so ``prompt: null`` allows a user's
    field named ``prompts``.

    Args:
        names: All field names of the draft, including the user's own.
    """
    there = set(names)
    absent = [] if "response" in there else ["response"]
    if not there & {"prompt", "messages"}:
        absent += ["prompt", "messages"]
    if not absent:
        return None
    for name in sorted(str(name) for name in there - set(Draft.model_fields)):
        if meant := _meant_by(name, absent):
            return (
                f"'{name}' is not a field of a draft, and '{meant}' is missing: rename it to "
                f"'{meant}'; if it is a field of your own, add '{meant}' with null"
            )
    return None


def _meant_by(name: str, absent: Sequence[str]) -> str | None:
    lower = name.strip().casefold()
    found = difflib.get_close_matches(lower, absent, n=1, cutoff=_LIKENESS)
    return found[0] if found else next((a for a in absent if sorted(a) == sorted(lower)), None)


def _by_field(source: Mapping[str, Any], *, with_prompt: bool) -> dict[str, Any]:
    """The fields of a draft; all other keys are in ``extra``."""
    if what := near_miss({*source, "prompt"} if with_prompt else source):
        raise InputError(f"The draft cannot be used: {what}.")
    data = {key: value for key, value in source.items() if key in Draft.model_fields}
    extra = data.get("extra", {})
    if not isinstance(extra, Mapping):
        raise InputError(f"The draft's 'extra' must be a mapping, not {type(extra).__name__}.")
    return {**data, "extra": {**extra, **{k: v for k, v in source.items() if k not in data}}}
