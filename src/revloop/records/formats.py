"""Records from public data sets: a small model for each format, from one row to its records.

A model validates a row and yields the fields of its records; :func:`import_records` makes records
of them one by one, so that a bad part of a row does not cost the good ones. Fields as published,
read on 2026-11-20; if a field's meaning is not documented, the model says how it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from revloop.errors import InputError
from revloop.records.reading import (
    Finding,
    FindingKind,
    RecordEntry,
    RecordRow,
    entry_of,
    finding_of,
)

Fields = dict[str, Any]
Converter = Callable[[Mapping[str, Any]], Iterator[Fields]]


@dataclass(frozen=True, slots=True)
class Format:
    """A format that records can be imported from.

    Attributes:
        name: As on the command line.
        source: What it is, where it comes from, and the licence of a data set.
        convert: From a row to the fields of its records.
    """

    name: str
    source: str
    convert: Converter


FORMATS: dict[str, Format] = {}
"""All formats by name."""


def import_records(
    format_name: str, rows: Iterable[RecordRow | Finding]
) -> Iterator[RecordEntry | Finding]:
    """The records of some rows; what cannot be used becomes a finding.

    Args:
        format_name: One of :data:`FORMATS`.
        rows: From :func:`~revloop.records.reading.read_rows`.

    Raises:
        InputError: There is no such format.
    """
    if format_name not in FORMATS:
        raise InputError(f"There is no format '{format_name}'. Known: {', '.join(FORMATS)}.")
    convert = FORMATS[format_name].convert
    for row in rows:
        if isinstance(row, Finding):
            yield row
        else:
            yield from _records_of(row, format_name, convert)


def _records_of(row: RecordRow, source: str, convert: Converter) -> Iterator[RecordEntry | Finding]:
    count = 0
    try:
        for fields in convert(row.data):
            count += 1
            yield entry_of(row.line, {"source": source, **fields})
    except ValidationError as exc:
        count += 1
        yield finding_of(row.line, exc)
    if not count:
        reason = "nothing to learn: no critique and no revision"
        yield Finding(line=row.line, kind=FindingKind.MISSING_FIELD, reason=reason)


class _SourceRow(BaseModel):
    """A row of a public format; fields that are not declared may be anything."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    def records(self) -> Iterator[Fields]:
        """The fields of each record; by default one record, with the names declared here."""
        yield self.model_dump()


M = TypeVar("M", bound=_SourceRow)


def _format(name: str, source: str) -> Callable[[type[M]], type[M]]:
    def register(model: type[M]) -> type[M]:
        FORMATS[name] = Format(name, source, lambda row: model.model_validate(row).records())
        return model

    return register


class _SourceTurn(_SourceRow):
    role: str
    content: str


class _HelpSteer(_SourceRow):
    context: list[_SourceTurn] = Field(min_length=1)
    domain: Any = None
    language: Any = None

    def asked(self) -> Fields:
        """Conversation and origin of each record of the row."""
        origin = {"domain": self.domain, "language": self.language}
        return {
            "messages": [turn.model_dump() for turn in self.context],
            "extra": {name: value for name, value in origin.items() if value is not None},
        }


@_format("helpsteer3-edit", "HelpSteer3, edit (CC-BY-4.0): arXiv 2503.04378")
class _Edit(_HelpSteer):
    """One record: the editor saw all feedback, so all of it is the critique."""

    original_response: str
    edited_response: str
    feedback: list[str]

    def records(self) -> Iterator[Fields]:
        yield {
            **self.asked(),
            "response": self.original_response,
            "critique": _joined(self.feedback),
            "revision": self.edited_response,
        }


@_format("helpsteer3-edit-quality", "HelpSteer3, edit_quality (CC-BY-4.0): arXiv 2503.04378")
class _EditQuality(_Edit):
    """One record with the good edit; the bad one teaches nothing."""

    edited_response: str = Field(alias="good_edited_response")


@_format("helpsteer3-feedback", "HelpSteer3, feedback (CC-BY-4.0): arXiv 2503.04378")
class _Feedback(_HelpSteer):
    """One record for each person's feedback on each of the two responses."""

    response1: Any
    response2: Any
    feedback1: list[Any]
    feedback2: list[Any]

    def records(self) -> Iterator[Fields]:
        for response, given in ((self.response1, self.feedback1), (self.response2, self.feedback2)):
            for critique in given:
                yield {**self.asked(), "response": response, "critique": critique}


@_format("aligner", "Aligner: question, answer and correction, no critique: arXiv 2402.02416")
class _Aligner(_SourceRow):
    """One revision without a critique."""

    prompt: str = Field(alias="question")
    response: str = Field(alias="answer")
    revision: str = Field(alias="correction")


@_format("ultrafeedback", "UltraFeedback: GPT-4's critiques of four responses: arXiv 2310.01377")
class _UltraFeedback(_SourceRow):
    """One critique for each completion, with its overall score (published as 1 to 10)."""

    instruction: str
    completions: list[Any]

    def records(self) -> Iterator[Fields]:
        for completion in map(_mapping, self.completions):
            score = completion.get("overall_score")
            yield {
                "prompt": self.instruction,
                "response": completion.get("response"),
                "critique": completion.get("critique"),
                "score": score if isinstance(score, int | float) else None,
                "extra": {"model": completion.get("model")},
            }


@_format("shepherd", "Shepherd, human part (CC-BY-NC): arXiv 2308.04592")
class _Shepherd(_SourceRow):
    """One critique."""

    id: Any = None
    prompt: str = Field(alias="question")
    response: str = Field(alias="answer")
    critique: str = Field(alias="feedback")
    dataset: Any = None

    def records(self) -> Iterator[Fields]:
        fields = self.model_dump(exclude={"dataset"}, exclude_none=True)
        yield {**fields, "extra": {"dataset": self.dataset}}


@_format("rich-feedback-reasoning", "rich-feedback-reasoning: corrections with reasons by error")
class _RichFeedback(_SourceRow):
    """One record. ``Original`` is read as the prompt, all reasons together as the critique."""

    original: str = Field(alias="Original")
    generation: str = Field(alias="Generation")
    correction: str = Field(alias="Correction")
    error_types: Any = Field(default=None, alias="ErrorType")
    fe_reason: str | None = Field(default=None, alias="FE_reason")
    mf_reason: str | None = Field(default=None, alias="MF_reason")
    ir_reason: str | None = Field(default=None, alias="IR_reason")
    li_reason: str | None = Field(default=None, alias="LI_reason")

    def records(self) -> Iterator[Fields]:
        reasons = (self.fe_reason, self.mf_reason, self.ir_reason, self.li_reason)
        yield {
            "prompt": self.original,
            "response": self.generation,
            "critique": _joined([reason for reason in reasons if reason]),
            "revision": self.correction,
            "extra": {"error_types": self.error_types},
        }


@_format("constitutional-ai", "constitutional-AI recipe of llm-swarm: arXiv 2212.08073")
class _ConstitutionalAi(_SourceRow):
    """One record, without the recipe's own requests for critique and revision."""

    prompt: str = Field(alias="init_prompt")
    response: str = Field(alias="init_response")
    critique: str = Field(alias="critic_response")
    revision: str = Field(alias="revision_response")


@_format(
    "sygra", "SyGra self-refinement output: docs/features/self_refinement.md of ServiceNow/SyGra"
)
class _Sygra(_SourceRow):
    """A record for each judged candidate; the next one is its revision, the last has none.

    This output does not include the prompt: it is read from a field ``prompt`` or ``messages``, if
    the task kept one. The judge's score is on the task's own scale, and kept in ``extra``.
    """

    reflection_trajectory: list[Any] = Field(min_length=1)
    prompt: Any = None
    messages: Any = None

    def records(self) -> Iterator[Fields]:
        steps = [_mapping(step) for step in self.reflection_trajectory]
        for step, following in zip(steps, [*steps[1:], {}], strict=True):
            judge = _mapping(step.get("judge"))
            yield {
                "prompt": self.prompt,
                "messages": self.messages,
                "response": step.get("candidate"),
                "critique": judge.get("critique"),
                "revision": following.get("candidate"),
                "extra": {"score": judge.get("score"), "iteration": step.get("iteration")},
            }


def _joined(feedback: Iterable[str]) -> str | None:
    return "\n\n".join(text.strip() for text in feedback if text.strip()) or None


def _mapping(value: object) -> Mapping[str, Any]:
    """A part of a row that should be an object; an empty one if it is not."""
    return value if isinstance(value, dict) else {}
