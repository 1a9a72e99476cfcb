"""Critiques by criteria: a score and a reason for each criterion of a rubric."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.prompts.parsing.critique import score_in
from revloop.prompts.parsing.scored_parts import CriteriaFormat, ScoredPart, bare, scored_parts
from revloop.prompts.parsing.thoughts import BLANK, UnusableError
from revloop.trajectory import Criterion, Critique

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHOWN_CHARACTERS = 60
_LEAST_LETTERS = 3


def parse_criteria(text: str, form: CriteriaFormat, expected: Sequence[str]) -> Critique:
    """Read a critique by criteria. Its score is the mean of theirs.

    Args:
        text: The critic's exact text, without its thoughts.
        form: The headings and the scale.
        expected: Names of the criteria, in order; empty if the rubric is a text: then those that
            the critic names are the criteria.

    Raises:
        UnusableError: A criterion is missing, has no score on the scale, or has two.
    """
    if not text.strip():
        raise UnusableError(BLANK)
    found = scored_parts(text, form)
    if not found:
        raise UnusableError(f"no criterion has a '{form.name}' and a '{form.score}'")
    by_name = _matched(found, expected) if expected else _by_own_names(found)
    criteria = tuple(_criterion(name, parts, form) for name, parts in by_name.items())
    mean = sum(one.score for one in criteria) / len(criteria)
    return Critique(raw=text, score=mean, criteria=criteria)


def _criterion(name: str, parts: Sequence[ScoredPart], form: CriteriaFormat) -> Criterion:
    """A criterion as scored; if it is scored twice, the scores must be the same."""
    shown = _shown(name)
    said = [one for part in parts for one in part.said]
    if not said:
        what = "has no score" if parts else "is missing"
        raise UnusableError(f"the criterion '{shown}' {what}")
    scores = [score_in(one, form.scale) for one in said]
    lowest, highest = form.scale
    if None in scores:
        unread = _shown(said[scores.index(None)])
        raise UnusableError(
            f"'{unread}' is not a score from {lowest:g} to {highest:g} (criterion '{shown}')"
        )
    known = {score for score in scores if score is not None}
    if len(known) > 1:
        listed = " and ".join(f"{score:g}" for score in sorted(known))
        raise UnusableError(f"the criterion '{shown}' has two scores, {listed}")
    score = known.pop()
    reason = next((part.reason for part in parts if part.reason), "")
    return Criterion(name=name, score=score, reason=reason, met=score >= form.met)


def _matched(found: Sequence[ScoredPart], expected: Sequence[str]) -> dict[str, list[ScoredPart]]:
    """What is said about each expected criterion: by name, else by number, else by place.

    Other parts, such as an overall score, are left out.
    """
    by_name: dict[str, list[ScoredPart]] = {name: [] for name in expected}
    rest: list[tuple[int, ScoredPart]] = []
    for place, part in enumerate(found):
        name = _name_meant(part.name, expected)
        if name is None:
            rest.append((place, part))
        else:
            by_name[name].append(part)
    for place, part in rest:
        at = place if part.number is None else part.number - 1
        if (part.number or len(found) == len(expected)) and 0 <= at < len(expected):
            name = expected[at]
            by_name[name] = by_name[name] or [part]
    return by_name


def _name_meant(name: str, expected: Sequence[str]) -> str | None:
    """The expected name that a written one is, begins with, or is the beginning of."""
    written, folded = _folded(name), [_folded(one) for one in expected]
    if written in folded:
        return expected[folded.index(written)]
    if len(written) < _LEAST_LETTERS:
        return None
    alike = [
        one
        for one, known in zip(expected, folded, strict=True)
        if known.startswith(written) or (len(known) >= _LEAST_LETTERS and written.startswith(known))
    ]
    return alike[0] if len(alike) == 1 else None


def _by_own_names(found: Sequence[ScoredPart]) -> dict[str, list[ScoredPart]]:
    """What is said about each criterion that the critic names."""
    names: dict[str, str] = {}
    by_name: dict[str, list[ScoredPart]] = {}
    for place, part in enumerate(found, start=1):
        written = part.name or f"criterion {part.number or place}"
        by_name.setdefault(names.setdefault(_folded(written), written), []).append(part)
    return by_name


def _folded(name: str) -> str:
    """A name without case, marks and superfluous white space, to compare it."""
    return " ".join(bare(name).rstrip(".:;,…").casefold().split())


def _shown(text: str) -> str:
    cut = text[:_SHOWN_CHARACTERS]
    return cut if cut == text else f"{cut}…"
