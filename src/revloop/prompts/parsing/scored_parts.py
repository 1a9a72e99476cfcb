"""The scored parts of a critique by criteria, in the layouts in which models write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from revloop.prompts.parsing.critique import score_in
from revloop.values import Frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST_CELLS = 8
_DECORATION = " \t\r*_`#>|\"'“”‘’[]"  # noqa: RUF001
_TOTALS = {"overall", "total", "average", "mean"}
_BARE_HEADING = re.compile(
    r"""^[ \t]*
    (?: \#+[ \t]*(?:(?P<number>\d{1,3})[.)][ \t]*)? | (?P<item>\d{1,3})[.)][ \t]* | (?=\*\*) )
    (?P<name>[^\n|]{1,200}?) [ \t]*\r?$""",
    re.MULTILINE | re.VERBOSE,
)
_ON_ONE_LINE = re.compile(
    r"""^[ \t>#*_-]*+ (?:(?P<number>\d{1,3})[.)][ \t]*)? (?P<name>[^\n|:]{1,200}?)
    [ \t*_]{0,9} (?:[:=–—(\[]|-(?=[ \t])) [ \t*_:(]{0,9} (?P<said>\d[^\n]*)$""",  # noqa: RUF001
    re.MULTILINE | re.VERBOSE,
)
_NUMBER = re.compile(
    r"\d+(?:\.\d+)?(?:[ \t]*(?:/|out of|of)[ \t]*\d+(?:\.\d+)?)?[ \t)\]*_]{0,9}", re.IGNORECASE
)


class CriteriaFormat(Frozen):
    """How a critique scores the criteria of a rubric."""

    field: str = Field(min_length=1, description="The draft's field that lists the criteria.")
    name: str = Field(min_length=1, description="Heading of a criterion's name.")
    reason: str = Field(min_length=1, description="Heading of the reason for its score.")
    score: str = Field(min_length=1, description="Heading of its score.")
    scale: tuple[float, float] = Field(description="Lowest and highest score.")
    met: float = Field(description="The lowest score of a criterion that counts as met.")

    @model_validator(mode="after")
    def _rising(self) -> Self:
        lowest, highest = self.scale
        if lowest >= highest:
            raise ValueError("the scale's lowest score must come first")
        if not lowest < self.met <= highest:
            raise ValueError(f"met must be above {lowest:g} and at most {highest:g}")
        return self


@dataclass(frozen=True, slots=True)
class ScoredPart:
    """What a critique says about one criterion.

    Attributes:
        name: Its name as written; empty if only its number is.
        number: Its number, if it has one.
        said: What stands where a score belongs; more than one if there are several.
        reason: The reason; empty if none is given.
    """

    name: str
    number: int | None
    said: tuple[str, ...]
    reason: str


def scored_parts(text: str, form: CriteriaFormat) -> list[ScoredPart]:
    """The criteria of a critique with their scores, in the first layout that it has.

    The layouts: under the heading of a name, as it is asked for; under names as headings, in bold
    or with numbers; as a table; on one line each.
    """
    return next(filter(None, (find(text, form) for find in _LAYOUTS)), [])


def bare(text: str) -> str:
    """A text without Markdown, quotes and white space around it."""
    return text.strip().strip(_DECORATION).strip()


def _under_headings(text: str, form: CriteriaFormat) -> list[ScoredPart]:
    return [
        _part(text, head, end, form, head["number"])
        for head, end in _with_ends(_name_heading(form.name), text)
    ]


def _under_bare_names(text: str, form: CriteriaFormat) -> list[ScoredPart]:
    return [
        _part(text, head, end, form, head["number"] or head["item"])
        for head, end in _with_ends(_BARE_HEADING, text)
        if _heading(form.score).search(text, head.end(), end)
    ]


def _in_a_table(text: str, form: CriteriaFormat) -> list[ScoredPart]:
    parts = []
    for line in text.splitlines():
        if not line.lstrip().startswith("|"):
            continue
        cells = [bare(cell) for cell in line.strip().strip("|").split("|", _MOST_CELLS)]
        is_numbered = len(cells) > 2 and re.fullmatch(r"[0-9]{1,3}\.?", cells[0]) is not None
        number = int(cells.pop(0).rstrip(".")) if is_numbered else None
        scored = [score_in(cell, form.scale) is not None for cell in cells]
        if True in scored[1:]:
            at = scored.index(True, 1)
            reason = " ".join(cells[at + 1 :]).strip()
            parts.append(ScoredPart(cells[0], number, (cells[at],), reason))
    return parts


def _on_one_line(text: str, form: CriteriaFormat) -> list[ScoredPart]:
    parts = []
    for line, end in _with_ends(_ON_ONE_LINE, text):
        said, remark = _score_and_remark(line["said"])
        if not _is_total(line["name"], form):
            number = int(line["number"]) if line["number"] else None
            reason = remark or _reason_in(text[line.end() : end], form)
            parts.append(ScoredPart(bare(line["name"]), number, (said,), reason))
    return parts


_LAYOUTS: tuple[Callable[[str, CriteriaFormat], list[ScoredPart]], ...] = (
    _under_headings,
    _under_bare_names,
    _in_a_table,
    _on_one_line,
)


def _part(
    text: str, head: re.Match[str], end: int, form: CriteriaFormat, number: str | None
) -> ScoredPart:
    """A criterion whose score and reason follow its name, or whose score stands beside it."""
    name, below = head["name"], text[head.end() : end]
    scores = _heading(form.score).finditer(below)
    said = tuple(_line_after(below, match.end()) for match in scores)
    reason = _reason_in(below, form)
    if not said and (beside := _ON_ONE_LINE.match(name.rstrip())) is not None:
        name, (score, remark) = beside["name"], _score_and_remark(beside["said"])
        said, reason = (score,), remark or reason
    return ScoredPart(bare(name), int(number) if number else None, said, reason)


def _reason_in(below: str, form: CriteriaFormat) -> str:
    """The reason in what stands under a criterion's name: headed, or all but the score."""
    score, reason = _heading(form.score).search(below), _heading(form.reason).search(below)
    if reason is not None:
        end = score.start() if score is not None and score.start() >= reason.end() else len(below)
        return _passage(below[reason.end() : end])
    if score is None:
        return _passage(below)
    after = below[score.end() :].partition("\n")[2]
    return _passage(below[: score.start()]) or _passage(after)


@cache
def _name_heading(label: str) -> re.Pattern[str]:
    """A pattern for the line with a criterion's name, as in "### Criterion 2: brevity"."""
    stem = re.escape(label.removesuffix(":"))
    return re.compile(
        rf"^[ \t#*_>-]*(?:\d+[.)][ \t]*[*_]*)?{stem}[ \t]*\#?(?P<number>\d{{1,3}})?[*_]*[ \t]*"
        rf"(?:[:.)–—-][ \t]*|(?=\r?$))[*_]*(?P<name>[^\n]*)",  # noqa: RUF001
        re.MULTILINE | re.IGNORECASE,
    )


@cache
def _heading(label: str) -> re.Pattern[str]:
    """A pattern for the heading of a score or a reason, as in "**Score (1-10):** "."""
    before, stem = r"^[ \t#*_>-]*(?:\d+[.)][ \t]*)?[*_]*", re.escape(label.removesuffix(":"))
    range_ = r"(?:[ \t]*\([^()\n]{0,30}\))?[*_]*[ \t]*"
    after = r"(?:[:=–—-]|(?=\r?$))[ \t]*[*_]*"  # noqa: RUF001
    return re.compile(before + stem + range_ + after, re.MULTILINE | re.IGNORECASE)


def _is_total(name: str, form: CriteriaFormat) -> bool:
    """Whether what is scored is no criterion: the whole, or a heading."""
    labels = {bare(label).rstrip(":").casefold() for label in (form.name, form.score, form.reason)}
    words = bare(name).casefold().split()
    return not words or words[0] in _TOTALS or words[-1] in labels or " ".join(words) in labels


def _with_ends(pattern: re.Pattern[str], text: str) -> Iterator[tuple[re.Match[str], int]]:
    """The matches of a pattern, each with where the next one begins."""
    found = list(pattern.finditer(text))
    ends = [match.start() for match in found[1:]]
    return zip(found, [*ends, len(text)], strict=False)


def _line_after(text: str, start: int) -> str:
    """The rest of a line, or the next line if nothing is left of it."""
    line, _, rest = text[start:].partition("\n")
    return bare(line) or bare(rest.lstrip().partition("\n")[0])


def _score_and_remark(said: str) -> tuple[str, str]:
    """A score and what follows it on its line."""
    number = _NUMBER.match(said)
    end = 0 if number is None else number.end()
    return said[:end].rstrip(" \t)]*_"), _passage(said[end:].lstrip(" \t:.,;–—-"))  # noqa: RUF001


def _passage(text: str) -> str:
    """A passage without white space and emphasis around it."""
    return text.strip().strip("*_").strip()
