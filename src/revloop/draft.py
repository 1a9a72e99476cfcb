"""A draft: a response to be revised, and the prompt that it answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from revloop.errors import InputError
from revloop.values import Frozen, Text, digest_of, explain

Role = Literal["system", "user", "assistant"]


def _jsonable(extra: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(extra, ensure_ascii=False).encode()
    except UnicodeEncodeError as exc:
        raise ValueError("holds a lone surrogate, which no encoding can carry") from exc
    except (TypeError, ValueError) as exc:
        raise ValueError(f"holds something that JSON cannot carry ({exc})") from exc
    return extra


class Message(Frozen):
    """One turn of a conversation."""

    role: Role
    content: Text


_CONTENT = ("prompt", "messages", "response")


def _digest_of_content(data: dict[str, Any]) -> str:
    # pydantic 2.12 asks for it where a field is missing too, and then refuses the draft
    turns = [[m.role, m.content] for m in data.get("messages") or ()]
    return digest_of(data.get("prompt"), turns, data.get("response"))


class Draft(Frozen):
    """A response to be revised, and the prompt that it answers.

    Give ``prompt`` or ``messages``, or neither if the prompt is not known; never both.
    """

    prompt: Text | None = Field(default=None, description="A prompt of one turn.")
    messages: Annotated[tuple[Message, ...], Field(min_length=1)] | None = Field(
        default=None, description="A conversation, oldest turn first, without the response."
    )
    response: Text = Field(description="The text to make better; never blank.")
    id: Text = Field(
        default_factory=_digest_of_content,
        min_length=1,
        coerce_numbers_to_str=True,
        description="The caller's name for it; made from the content where the caller has none.",
    )
    extra: Annotated[dict[str, Any], AfterValidator(_jsonable)] = Field(
        default_factory=dict, description="The caller's own fields, carried through untouched."
    )

    @model_validator(mode="after")
    def _usable(self) -> Draft:
        if self.prompt is not None and self.messages is not None:
            raise ValueError("give 'prompt' or 'messages', not both")
        if not self.response.strip():
            raise ValueError("the response is empty")
        return self

    @property
    def conversation(self) -> tuple[Message, ...]:
        """The prompt as messages, oldest first; empty where no prompt is known."""
        if self.messages is not None:
            return self.messages
        return () if self.prompt is None else (Message(role="user", content=self.prompt),)

    @property
    def prompt_text(self) -> str:
        """The prompt as one text for a judge to read; empty where none is known.

        A prompt of one turn stands as it is; of several, each turn under its role.
        """
        turns = self.conversation
        if len(turns) == 1 and turns[0].role == "user":
            return turns[0].content
        return "\n\n".join(f"{turn.role.capitalize()}: {turn.content}" for turn in turns)

    @property
    def content_digest(self) -> str:
        """Names prompt and response together, whatever the id."""
        return _digest_of_content({name: getattr(self, name) for name in _CONTENT})


def as_draft(source: str | Mapping[str, Any] | Draft, *, prompt: object = None) -> Draft:
    """Make a draft of whatever a caller holds.

    Args:
        source: A response, a mapping with ``response`` and maybe ``id``, ``prompt`` or
            ``messages`` (other keys are carried in ``extra``), or a draft.
        prompt: The prompt that a bare response answers: a string, or a sequence of chat messages.

    Raises:
        InputError: The draft is missing its response, or something in it has the wrong type.
    """
    if isinstance(source, Draft):
        if prompt is not None:
            raise InputError("The draft has its own prompt: leave out 'prompt'.")
        return source
    if isinstance(source, str):
        data: dict[str, Any] = {"response": source}
    elif isinstance(source, Mapping):
        data = _by_field(source)
    else:
        kind = type(source).__name__
        raise InputError(f"A response is a string, a mapping or a Draft, not {kind}.")
    if prompt is not None and (data.get("prompt"), data.get("messages")) != (None, None):
        raise InputError("The draft has its own prompt: leave out 'prompt'.")
    if isinstance(prompt, str):
        data["prompt"] = prompt
    elif isinstance(prompt, Sequence):
        data["messages"] = tuple(prompt)
    elif prompt is not None:
        kind = type(prompt).__name__
        raise InputError(f"A prompt is a string or a sequence of messages, not {kind}.")
    try:
        return Draft.model_validate(data)
    except ValidationError as exc:
        raise InputError(f"The draft cannot be used: {explain(exc)}.") from exc


def _by_field(source: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a draft, with the keys that are no field under ``extra``."""
    data = {key: value for key, value in source.items() if key in Draft.model_fields}
    extra = data.get("extra", {})
    if not isinstance(extra, Mapping):
        raise InputError(f"The draft's 'extra' is a mapping, not {type(extra).__name__}.")
    return {**data, "extra": {**extra, **{k: v for k, v in source.items() if k not in data}}}
