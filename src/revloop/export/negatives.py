"""Hard negatives: revisions that the loop refused, paired with the version that it kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.export.pairs import EQUAL, TOO_LONG, PreferencePair, is_beyond_ratio

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence

    from revloop.export.options import ExportOptions
    from revloop.trajectory import Check, Comparison, PanelComparison, Trajectory, Version


def hard_negatives(
    trajectory: Trajectory, options: ExportOptions, left_out: Counter[str]
) -> Iterator[PreferencePair]:
    """Pairs with revisions that were refused: by the selection of candidates, or by a gate.

    A version that checks or a judge refused is paired with the one that was kept instead, and a
    candidate with the selected one, if that was kept and is clearly better: it has the higher
    score, passes more checks, or won every readable verdict.

    Args:
        trajectory: One that is finished.
        options: Which pairs are wanted.
        left_out: Counts the others, by reason.
    """
    seen: set[tuple[str, str]] = set()
    for version in trajectory.versions[1:]:
        for chosen, rejected in _refused(trajectory, version):
            if rejected == chosen.text:
                left_out[EQUAL] += 1
            elif is_beyond_ratio(chosen.text, rejected, options.max_length_ratio):
                left_out[TOO_LONG] += 1
            elif (chosen.text, rejected) not in seen:
                seen.add((chosen.text, rejected))
                yield PreferencePair(chosen.text, rejected, chosen.round, version.round, None)


def _refused(trajectory: Trajectory, version: Version) -> Iterator[tuple[Version, str]]:
    kept = trajectory.versions[trajectory.kept_after(version.round)]
    if kept.round == version.round:
        yield from ((version, text) for text in _worse_candidates(version))
    elif version.veto is not None or (
        version.comparison is not None and _votes(version.comparison) == {0.0}
    ):
        yield kept, version.text


def _worse_candidates(version: Version) -> Iterator[str]:
    selection = version.selection
    if selection is None:
        return
    chosen, scores = selection.chosen, dict(enumerate(selection.scores))
    beaten = {number for one in selection.comparisons for number in _beaten_by(chosen, one)}
    numbers = [number for number in range(len(selection.others) + 1) if number != chosen]
    for number, other in zip(numbers, selection.others, strict=True):
        best, score = scores.get(chosen), scores.get(number)
        is_lower = best is not None and score is not None and score < best
        if is_lower or number in beaten or _passed(other.checks) < _passed(version.checks):
            yield other.text


def _beaten_by(chosen: int, comparison: Comparison | PanelComparison) -> set[int]:
    """The candidate that lost to the chosen one in every readable verdict, if one did."""
    votes = _votes(comparison)
    if comparison.incumbent == chosen and votes == {0.0}:
        return {comparison.challenger}
    if comparison.challenger == chosen and votes == {1.0}:
        return {comparison.incumbent}
    return set()


def _votes(comparison: Comparison | PanelComparison) -> set[float]:
    """The later text's readable scores, by all judges."""
    return {score for score in comparison.scores if score is not None}


def _passed(checks: Sequence[Check]) -> int:
    return sum(check.passed is True for check in checks)
