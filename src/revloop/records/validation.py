"""Validation of records before training: what is wrong with which line."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import Field

from revloop.errors import InputError
from revloop.records.reading import Finding, FindingKind, RecordEntry
from revloop.records.rendering import training_texts
from revloop.values import Frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from revloop.prompts import PromptSet
    from revloop.records.likeness import LanguageDetector, NearDuplicates
    from revloop.records.record import Record
    from revloop.records.rendering import TrainingText

DEFAULT_CONTEXT_TOKENS = 2048
"""Context of Falcon-40B (its model card: sequence length 2048)."""

DEFAULT_LIKENESS = 0.85
"""With one word in a hundred changed, the likeness is about 0.9."""


class LengthSummary(Frozen):
    """Lengths of the texts of one kind."""

    count: int = Field(ge=1, description="Texts measured.")
    minimum: int
    median: int
    p95: int = Field(description="95 of 100 texts are at most this long.")
    maximum: int


class Report(Frozen):
    """What a file of records contains, and what is wrong with it."""

    lines: int = Field(description="Lines that are not blank.")
    valid: int = Field(description="Lines with a record and no error.")
    lessons: dict[str, int] = Field(description="Valid records by what they can teach.")
    rendered: int = Field(description="Valid records that the prompt set can render.")
    characters: dict[str, LengthSummary] = Field(description="Of each text of the valid records.")
    tokens: LengthSummary | None = Field(
        default=None, description="Of valid records as rendered; None without a tokenizer."
    )
    languages: dict[str, int] | None = Field(
        default=None,
        description='Valid records by language of the response (ISO 639-1, "und": too short to '
        "tell), the most common first; None if not checked.",
    )
    findings: tuple[Finding, ...] = Field(description="By line.")
    not_checked: tuple[str, ...] = Field(
        default=(), description="What was not checked, and what that needs."
    )

    @property
    def error_lines(self) -> frozenset[int]:
        """Lines that cannot be used."""
        return frozenset(finding.line for finding in self.findings if finding.is_error)


@dataclass(frozen=True, slots=True)
class RecordLimits:
    """What to check records against.

    Attributes:
        prompts: The prompt set that will render them.
        count_tokens: Counts the tokens of a text with the critic's tokenizer; None: lengths in
            tokens and the fit into the context are not checked.
        context_tokens: The critic's context, for prompt and answer together.
        near_duplicates: Finds near duplicates; None: not checked.
        languages: Detects languages; None: not checked.
    """

    prompts: PromptSet
    count_tokens: Callable[[str], int] | None = None
    context_tokens: int = DEFAULT_CONTEXT_TOKENS
    near_duplicates: NearDuplicates | None = None
    languages: LanguageDetector | None = None


def validate(entries: Iterable[RecordEntry | Finding], checks: RecordLimits) -> Report:
    """Check records, one in memory at a time; only some hashes and numbers of each are kept.

    Args:
        entries: From :func:`~revloop.records.reading.read_records`.
        checks: What to check them against.
    """
    run = _Validation(checks)
    for entry in entries:
        if isinstance(entry, Finding):
            run.lines.add(entry.line)
            run.findings.append(entry)
        else:
            run.check(entry)
    return run.report()


@dataclass(slots=True)
class _Validation:
    checks: RecordLimits
    lines: set[int] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    valid: int = 0
    rendered: int = 0
    lessons: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    characters: dict[str, list[int]] = field(default_factory=dict)
    tokens: list[int] = field(default_factory=list)
    contents: dict[str, int] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)

    def check(self, entry: RecordEntry) -> None:
        """Check one record, and count it if it has no error."""
        line, record = entry
        self.lines.add(line)
        texts, problem = self._rendered(record)
        length = self._tokens(texts)
        found = [*self._faults(record, length), *self._repeats(line, record)]
        if problem and all(kind is not FindingKind.OFF_SCALE for kind, _ in found):
            found.append((FindingKind.NOT_RENDERED, problem))
        self.findings += [Finding(line=line, kind=kind, reason=reason) for kind, reason in found]
        if not any(kind.is_error for kind, _ in found):
            self._count(record, length, rendered=bool(texts))

    def report(self) -> Report:
        """Everything that was found."""
        checked = self.checks.languages is not None
        return Report(
            lines=len(self.lines),
            valid=self.valid,
            lessons=dict(self.lessons),
            rendered=self.rendered,
            characters={name: _lengths(counts) for name, counts in self.characters.items()},
            tokens=_lengths(self.tokens) if self.tokens else None,
            languages=dict(self.languages.most_common()) if checked else None,
            findings=tuple(sorted(self.findings, key=lambda finding: finding.line)),
            not_checked=tuple(self._not_checked()),
        )

    def _rendered(self, record: Record) -> tuple[tuple[TrainingText, ...], str | None]:
        try:
            return training_texts(record, self.checks.prompts), None
        except InputError as exc:
            return (), str(exc)

    def _tokens(self, texts: tuple[TrainingText, ...]) -> int | None:
        """Tokens of a record's longest example, its end token included."""
        count = self.checks.count_tokens
        if count is None or not texts:
            return None
        return max(count(_full_text(text)) + text.ends for text in texts)

    def _faults(self, record: Record, length: int | None) -> Iterator[tuple[FindingKind, str]]:
        labels = self.checks.prompts.settings.critique.labels
        if labels is not None and record.score is not None:
            lowest, highest = labels.scale
            if not lowest <= record.score <= highest:
                reason = f"the score {record.score:g} is off the scale, {lowest:g} to {highest:g}"
                yield FindingKind.OFF_SCALE, reason
        if length is not None and length > self.checks.context_tokens:
            reason = f"{length} tokens as rendered; the context has {self.checks.context_tokens}"
            yield FindingKind.TOO_LONG, reason
        if record.revision is not None and record.revision.split() == record.response.split():
            yield FindingKind.UNCHANGED_REVISION, "the revision equals the response"

    def _repeats(self, line: int, record: Record) -> Iterator[tuple[FindingKind, str]]:
        first = self.contents.setdefault(record.content_digest, line)
        if first != line:
            yield FindingKind.DUPLICATE, f"the same record as on line {first}"
            return
        named = self.ids.setdefault(record.id, line)
        if named != line:
            yield FindingKind.SAME_ID, f"line {named} has another record with the id '{record.id}'"
        if self.checks.near_duplicates is not None:
            like = self.checks.near_duplicates.like(line, record)
            if like is not None:
                reason = f"nearly the same as line {like[0]} (about {like[1]:.0%} alike)"
                yield FindingKind.NEAR_DUPLICATE, reason

    def _count(self, record: Record, length: int | None, *, rendered: bool) -> None:
        self.valid += 1
        self.rendered += rendered
        self.lessons[record.lesson.value] += 1
        texts = {
            "prompt": "\n".join(turn.content for turn in record.draft.conversation),
            "response": record.response,
            "critique": record.critique_words,
            "revision": record.revision,
        }
        for name, text in texts.items():
            if text:
                self.characters.setdefault(name, []).append(len(text))
        if length is not None:
            self.tokens.append(length)
        if self.checks.languages is not None:
            self.languages[self.checks.languages.language(record.response)] += 1

    def _not_checked(self) -> Iterator[str]:
        if self.checks.count_tokens is None:
            yield "whether records fit the critic's context: needs its tokenizer"
        if self.checks.near_duplicates is None:
            yield "near duplicates: needs pip install 'revloop[records]'"
        if self.checks.languages is None:
            yield "languages: needs pip install 'revloop[records]'"


def _full_text(text: TrainingText) -> str:
    # without the few tokens per turn that a chat template adds
    if isinstance(text.prompt, str):
        return text.prompt + text.target
    return "".join(turn.content for turn in text.prompt) + text.target


def _lengths(counts: list[int]) -> LengthSummary:
    ranked = sorted(counts)
    last = len(ranked) - 1
    return LengthSummary(
        count=len(ranked),
        minimum=ranked[0],
        median=ranked[last // 2],
        p95=ranked[math.ceil(0.95 * len(ranked)) - 1],
        maximum=ranked[-1],
    )
