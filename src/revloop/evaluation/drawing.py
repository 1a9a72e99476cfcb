"""Draw the pairs of a store that people are asked about, and declare them there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.evaluation.outcomes import group_of
from revloop.evaluation.pairs import pairs_of
from revloop.evaluation.samples import SampleKey, Samples
from revloop.store import Store
from revloop.values import json_text

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.evaluation.pairs import Against
    from revloop.trajectory import Trajectory


def sample_pairs(
    path: Path,
    *,
    rounds: range,
    against: frozenset[Against],
    size: int,
    seed: int = 0,
    by: str | None = None,
) -> frozenset[str]:
    """Declare a sample of each round of a store.

    Args:
        path: The store.
        rounds: The rounds.
        against: What each round is compared with.
        size: Number of pairs of each round.
        seed: Random seed.
        by: A field of the drafts that the strata are split by, besides the stop reason.

    Returns:
        The digests of all its pairs, the earlier text first.

    Raises:
        StoreError: The store cannot be read or written.
    """
    strata: dict[SampleKey, dict[str, str]] = {}
    with Store.open_to_read(path) as store:
        for trajectory in store.contents():
            for pair in pairs_of(trajectory, rounds.stop - 1, against):
                if pair.round in rounds and not pair.is_unchanged:
                    of_round = strata.setdefault(SampleKey(pair.against, pair.round), {})
                    of_round.setdefault(pair.question.digest, stratum_of(trajectory, by))
    with Samples.open(path) as samples:
        drawn = [samples.declare(key, size, seed, known, by=by) for key, known in strata.items()]
    return frozenset(pair for sample in drawn for pair in sample.pairs)


def stratum_of(trajectory: Trajectory, by: str | None) -> str:
    """What samples are stratified by: the stop reason and, if one is named, a field's value."""
    end = trajectory.end
    reason = None if end is None else end.reason.value
    return json_text([reason, None if by is None else group_of(trajectory, by)])
