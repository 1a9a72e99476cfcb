"""The feedback record: what a critic is trained on, one object per line of a JSONL file.

The record is that of arXiv 2311.14543 (prompt, response, overall score, positive aspects, negative
aspects, revised response), extended for public data sets: a free-form critique, a critique without
a revision, a revision without a critique.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError, PydanticSerializationError, to_json

from revloop.trajectory import Draft, Message
from revloop.values import Frozen, Text, digest_of, no_truth

_CONTENT = (
    *("prompt", "messages", "response"),
    *("score", "positive", "negative", "critique", "revision"),
)


def _writable(fields: dict[str, Any]) -> dict[str, Any]:
    try:
        to_json(fields)
    except (PydanticSerializationError, ValueError) as exc:
        raise ValueError(f"cannot be written as JSON ({exc})") from exc
    return fields


class Lesson(StrEnum):
    """What a record can teach."""

    BOTH = "both"
    CRITIQUE = "critique"
    REVISION = "revision"


def _digest_of_content(data: dict[str, Any]) -> str:
    turns = [[m.role, m.content] for m in data.get("messages") or ()]
    return digest_of(turns, *(data.get(name) for name in _CONTENT if name != "messages"))


class Record(Frozen):
    """A response with somebody's critique, their revision, or both."""

    prompt: Text | None = Field(default=None, description="A single-turn prompt.")
    messages: Annotated[tuple[Message, ...], Field(min_length=1)] | None = Field(
        default=None, description="A conversation, oldest turn first, without the response."
    )
    response: Text = Field(description="The text that was criticised; never blank.")
    score: Annotated[float | None, BeforeValidator(no_truth)] = Field(
        default=None,
        allow_inf_nan=False,
        description="Overall score, on the scale of the prompt set that renders it.",
    )
    positive: Text | None = Field(default=None, description="What is good about the response.")
    negative: Text | None = Field(default=None, description="What could be better.")
    critique: Text | None = Field(
        default=None, description="A free-form critique, instead of separate aspects."
    )
    revision: Text | None = Field(
        default=None, description="The improved response; None if there is none, never blank."
    )
    source: Text | None = Field(default=None, description="Where the record comes from.")
    extra: Annotated[dict[str, Any], AfterValidator(_writable)] = Field(
        default_factory=dict, description="Your own fields."
    )
    id: Text = Field(
        default_factory=_digest_of_content,
        min_length=1,
        coerce_numbers_to_str=True,
        description="Its name; by default a digest of the content.",
    )

    @model_validator(mode="after")
    def _usable(self) -> Record:
        if self.prompt is not None and self.messages is not None:
            raise ValueError("give 'prompt' or 'messages', not both")
        if not self.response.strip():
            raise ValueError("the response is empty")
        if self.revision is not None and not self.revision.strip():
            message = "the revision is empty: leave the field out if there is none"
            raise PydanticCustomError("empty_revision", message)
        if self.revision is None and not self.has_critique:
            message = "it has no critique, no aspects and no revision: nothing to learn"
            raise PydanticCustomError("missing", message)
        return self

    @property
    def has_aspects(self) -> bool:
        """Whether it has positive or negative aspects."""
        return any(self.aspects)

    @property
    def aspects(self) -> tuple[str, str]:
        """The positive and the negative aspects, stripped; empty if missing."""
        return (self.positive or "").strip(), (self.negative or "").strip()

    @property
    def has_critique(self) -> bool:
        """Whether there is a critique in words, not only a score."""
        return self.has_aspects or bool(self.critique and self.critique.strip())

    @property
    def lesson(self) -> Lesson:
        """What it can teach."""
        if self.revision is None:
            return Lesson.CRITIQUE
        return Lesson.BOTH if self.has_critique else Lesson.REVISION

    @property
    def draft(self) -> Draft:
        """Prompt, response and your own fields as a draft for the loop."""
        return Draft(
            id=self.id,
            prompt=self.prompt,
            messages=self.messages,
            response=self.response,
            extra=self.extra,
        )

    @property
    def critique_words(self) -> str:
        """The whole critique as one text, for measuring and comparing, not for training."""
        return "\n".join(filter(None, (self.positive, self.negative, self.critique)))

    @property
    def content_digest(self) -> str:
        """A digest of everything that it teaches, without id, source and white space."""
        data = self.model_dump(include=set(_CONTENT))
        turns = [[m.role, " ".join(m.content.split())] for m in self.draft.conversation]
        rest = [data[name] for name in _CONTENT if name not in {"prompt", "messages"}]
        return digest_of(turns, [" ".join(x.split()) if isinstance(x, str) else x for x in rest])
