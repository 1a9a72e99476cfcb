"""Records from what is public: a small function for each format, from one row to its records.

A function yields the fields of each record as the row has them; :func:`import_records` makes
records of them, so that one bad part of a row does not cost the good ones. Fields as published,
read on 2026-11-20; where a field's meaning is not documented, the function says how it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from revloop.errors import InputError
from revloop.records.reading import Entry, Finding, FindingKind, Row, entry_of, finding_of

Fields = dict[str, Any]
Converter = Callable[[Mapping[str, Any]], Iterator[Fields]]


@dataclass(frozen=True, slots=True)
class Format:
    """A format that records can be imported from.

    Attributes:
        name: As on the command line.
        source: What it is, where it comes from, and its licence where it is a data set.
        convert: From a row to the fields of its records.
    """

    name: str
    source: str
    convert: Converter


FORMATS: dict[str, Format] = {}
"""All formats by name."""


def import_records(format_name: str, rows: Iterable[Row | Finding]) -> Iterator[Entry | Finding]:
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


def _records_of(row: Row, source: str, convert: Converter) -> Iterator[Entry | Finding]:
    count = 0
    try:
        for fields in convert(row.data):
            count += 1
            yield entry_of(row.line, {"source": source, **fields})
    except ValidationError as exc:
        count += 1
        yield finding_of(row.line, exc)
    if not count:
        reason = "nothing to learn in it: no critique and no revision"
        yield Finding(line=row.line, kind=FindingKind.MISSING_FIELD, reason=reason)


def _format(name: str, source: str) -> Callable[[Converter], Converter]:
    def register(convert: Converter) -> Converter:
        FORMATS[name] = Format(name, source, convert)
        return convert

    return register


class _Row(BaseModel):
    """A row of somebody else's: what is not read here may be anything."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Turn(_Row):
    role: str
    content: str


class _HelpSteer(_Row):
    context: list[_Turn] = Field(min_length=1)
    domain: Any = None
    language: Any = None

    def fields(self) -> Fields:
        """Prompt and origin of each record of the row."""
        origin = {"domain": self.domain, "language": self.language}
        return {
            "messages": [turn.model_dump() for turn in self.context],
            "extra": {name: value for name, value in origin.items() if value is not None},
        }


class _Edit(_HelpSteer):
    original_response: str
    edited_response: str
    feedback: list[str]


class _EditQuality(_HelpSteer):
    original_response: str
    good_edited_response: str
    feedback: list[str]


class _Feedback(_HelpSteer):
    response1: Any
    response2: Any
    feedback1: list[Any]
    feedback2: list[Any]


def _joined(feedback: list[str]) -> str | None:
    return "\n\n".join(text.strip() for text in feedback if text.strip()) or None


@_format("helpsteer3-edit", "HelpSteer3, edit (CC-BY-4.0): arXiv 2503.04378")
def helpsteer3_edit(row: Mapping[str, Any]) -> Iterator[Fields]:
    """One record: the editor saw all feedback, so all of it is the critique."""
    read = _Edit.model_validate(row)
    yield {
        **read.fields(),
        "response": read.original_response,
        "critique": _joined(read.feedback),
        "revision": read.edited_response,
    }


@_format("helpsteer3-edit-quality", "HelpSteer3, edit_quality (CC-BY-4.0): arXiv 2503.04378")
def helpsteer3_edit_quality(row: Mapping[str, Any]) -> Iterator[Fields]:
    """One record with the good edit; nothing is to be learnt from the bad one."""
    read = _EditQuality.model_validate(row)
    yield {
        **read.fields(),
        "response": read.original_response,
        "critique": _joined(read.feedback),
        "revision": read.good_edited_response,
    }


@_format("helpsteer3-feedback", "HelpSteer3, feedback (CC-BY-4.0): arXiv 2503.04378")
def helpsteer3_feedback(row: Mapping[str, Any]) -> Iterator[Fields]:
    """One record for each person's feedback on each of the two responses."""
    read = _Feedback.model_validate(row)
    for response, said in ((read.response1, read.feedback1), (read.response2, read.feedback2)):
        for critique in said:
            yield {**read.fields(), "response": response, "critique": critique}


class _Aligner(_Row):
    question: str
    answer: str
    correction: str


@_format("aligner", "Aligner: question, answer and correction, no critique: arXiv 2402.02416")
def aligner(row: Mapping[str, Any]) -> Iterator[Fields]:
    """One revision without a critique."""
    read = _Aligner.model_validate(row)
    yield {"prompt": read.question, "response": read.answer, "revision": read.correction}


class _UltraFeedback(_Row):
    instruction: str
    completions: list[Any]


@_format("ultrafeedback", "UltraFeedback: GPT-4's critiques of four responses: arXiv 2310.01377")
def ultrafeedback(row: Mapping[str, Any]) -> Iterator[Fields]:
    """One critique for each completion, with its overall score (published as 1 to 10)."""
    read = _UltraFeedback.model_validate(row)
    for completion in read.completions:
        given: dict[str, Any] = completion if isinstance(completion, dict) else {}
        score = given.get("overall_score")
        yield {
            "prompt": read.instruction,
            "response": given.get("response"),
            "critique": given.get("critique"),
            "score": score if isinstance(score, int | float) else None,
            "extra": {"model": given.get("model")},
        }


class _Shepherd(_Row):
    question: str
    answer: str
    feedback: str


@_format("shepherd", "Shepherd, human part (CC-BY-NC): arXiv 2308.04592")
def shepherd(row: Mapping[str, Any]) -> Iterator[Fields]:
    """One critique."""
    read = _Shepherd.model_validate(row)
    named = {"id": row["id"]} if row.get("id") is not None else {}
    yield {
        **named,
        "prompt": read.question,
        "response": read.answer,
        "critique": read.feedback,
        "extra": {"dataset": row.get("dataset")},
    }


class _RichFeedback(_Row):
    original: str = Field(alias="Original")
    generation: str = Field(alias="Generation")
    correction: str = Field(alias="Correction")
    error_types: Any = Field(default=None, alias="ErrorType")
    fe_reason: str | None = Field(default=None, alias="FE_reason")
    mf_reason: str | None = Field(default=None, alias="MF_reason")
    ir_reason: str | None = Field(default=None, alias="IR_reason")
    li_reason: str | None = Field(default=None, alias="LI_reason")


@_format("rich-feedback-reasoning", "rich-feedback-reasoning: corrections with reasons by error")
def rich_feedback_reasoning(row: Mapping[str, Any]) -> Iterator[Fields]:
    """One record. ``Original`` is read as the prompt, all reasons together as the critique."""
    read = _RichFeedback.model_validate(row)
    reasons = (read.fe_reason, read.mf_reason, read.ir_reason, read.li_reason)
    yield {
        "prompt": read.original,
        "response": read.generation,
        "critique": _joined([reason for reason in reasons if reason]),
        "revision": read.correction,
        "extra": {"error_types": read.error_types},
    }


class _ConstitutionalAi(_Row):
    init_prompt: str
    init_response: str
    critic_response: str
    revision_response: str


@_format("constitutional-ai", "constitutional-AI recipe of llm-swarm: arXiv 2212.08073")
def constitutional_ai(row: Mapping[str, Any]) -> Iterator[Fields]:
    """One record; the requests for critique and revision are the recipe's own, and left out."""
    read = _ConstitutionalAi.model_validate(row)
    yield {
        "prompt": read.init_prompt,
        "response": read.init_response,
        "critique": read.critic_response,
        "revision": read.revision_response,
    }


class _Sygra(_Row):
    reflection_trajectory: list[Any] = Field(min_length=1)


@_format(
    "sygra", "SyGra self-refinement output: docs/features/self_refinement.md of ServiceNow/SyGra"
)
def sygra(row: Mapping[str, Any]) -> Iterator[Fields]:
    """A record for each judged candidate; the next one is its revision, the last has none.

    The prompt is no part of this output: it is taken from a field ``prompt`` or ``messages``, if
    the task kept one. The judge's score is on a scale of the task's own, and kept in ``extra``.
    """
    tries: list[dict[str, Any]] = [
        step if isinstance(step, dict) else {}
        for step in _Sygra.model_validate(row).reflection_trajectory
    ]
    prompt = {name: row[name] for name in ("prompt", "messages") if row.get(name) is not None}
    for step, following in zip(tries, [*tries[1:], {}], strict=True):
        judge = step.get("judge")
        judged: dict[str, Any] = judge if isinstance(judge, dict) else {}
        yield {
            **prompt,
            "response": step.get("candidate"),
            "critique": judged.get("critique"),
            "revision": following.get("candidate"),
            "extra": {"score": judged.get("score"), "iteration": step.get("iteration")},
        }
