"""Pairs of a better and a worse answer to the same prompt."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from revloop.export.options import ExportOptions, PairKind
    from revloop.export.preferences import Preferences
    from revloop.trajectory import Trajectory, Version

EQUAL = "pairs of equal texts"
NOT_COMPARED = "pairs that nobody compared"
NO_PREFERENCE = "pairs without a clear preference"
TOO_LONG = "pairs beyond the length ratio"
NO_GAIN = "pairs below the score gain"


class PreferencePair(NamedTuple):
    """A better and a worse answer.

    Attributes:
        chosen: The better text.
        rejected: The worse text.
        chosen_round: The round that made it.
        rejected_round: The round that made it.
        margin: By how much the first is better; see
            :class:`~revloop.export.preferences.Decision`. None for a hard negative.
    """

    chosen: str
    rejected: str
    chosen_round: int
    rejected_round: int
    margin: float | None


def pairs_of_versions(
    trajectory: Trajectory,
    preferences: Preferences,
    options: ExportOptions,
    left_out: Counter[str],
) -> Iterator[PreferencePair]:
    """The pairs of a trajectory's versions, each two texts once, the preferred one as chosen.

    Args:
        trajectory: One that is finished.
        preferences: Decides which is better.
        options: Which versions are paired, and which pairs are wanted.
        left_out: Counts the others, by reason.
    """
    seen: set[frozenset[str]] = set()
    for earlier, later in _paired(trajectory, options.pairs):
        texts = frozenset((earlier.text, later.text))
        if len(texts) == 1:
            left_out[EQUAL] += 1
            continue
        if texts in seen:
            continue
        seen.add(texts)
        pair, why = preferred(trajectory, earlier, later, preferences, options)
        if pair is None:
            left_out[why] += 1
        else:
            yield pair


def preferred(
    trajectory: Trajectory,
    earlier: Version,
    later: Version,
    preferences: Preferences,
    options: ExportOptions,
) -> tuple[PreferencePair | None, str]:
    """The pair that two versions with different texts make, or why they make none."""
    decision = preferences.decide(trajectory, earlier, later)
    if not decision.wins:
        return None, NO_PREFERENCE if decision.is_known else NOT_COMPARED
    chosen, rejected = (later, earlier) if decision.wins > 0 else (earlier, later)
    if why := filtered(trajectory, chosen, rejected, options):
        return None, why
    pair = PreferencePair(chosen.text, rejected.text, chosen.round, rejected.round, decision.margin)
    return pair, ""


def filtered(
    trajectory: Trajectory, better: Version, worse: Version, options: ExportOptions
) -> str:
    """Which filter leaves out a better and a worse version; empty: none."""
    if is_beyond_ratio(better.text, worse.text, options.max_length_ratio):
        return TOO_LONG
    if options.min_score_gain is None:
        return ""
    after, before = trajectory.score_of(better.round), trajectory.score_of(worse.round)
    if after is None or before is None or after - before < options.min_score_gain:
        return NO_GAIN
    return ""


def is_beyond_ratio(one: str, other: str, most: float | None) -> bool:
    """Whether one of two texts is too many times longer than the other."""
    if most is None:
        return False
    shorter, longer = sorted((len(one), len(other)))
    return longer > most * shorter


def _paired(trajectory: Trajectory, kind: PairKind) -> Iterator[tuple[Version, Version]]:
    versions = trajectory.versions
    if kind == "all":
        yield from combinations(versions, 2)
    elif kind == "adjacent":
        yield from ((trajectory.base_of(version), version) for version in versions[1:])
    else:
        yield versions[0], versions[trajectory.kept]
