"""What people are asked to judge: declared in the store, so that figures can be about it.

People judge few pairs, in random order. If the store says which pairs of a round they were asked
about, the pairs judged so far are a random sample of the round, and figures about them mean
something; without that, the first verdicts could be about anything.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from revloop.store import SAMPLES, StoreTables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revloop.evaluation.pairs import Against

Stratum = TypeVar("Stratum", bound=Any)
"""A stratum's name; names are put in order."""

_SAME = """
SELECT id FROM samples LEFT JOIN sample_fields ON sample = id
WHERE against = ? AND round = ? AND size IS ? AND seed = ? AND field IS ?
ORDER BY id DESC LIMIT 1
"""
_AGAIN = "UPDATE samples SET declared_at = ? WHERE id = ?"
_ADD = "INSERT INTO samples (against, round, size, seed, declared_at) VALUES (?, ?, ?, ?, ?)"
_ADD_FIELD = "INSERT INTO sample_fields (sample, field) VALUES (?, ?)"
_ADD_PAIRS = "INSERT OR IGNORE INTO sampled VALUES {rows}"
_PAIRS = "SELECT question FROM sampled WHERE sample = ?"
_IN_ORDER = "SELECT against, round, size, id FROM samples ORDER BY declared_at, id"


class SampleKey(NamedTuple):
    """What a sample is drawn from: a round, and what its texts are compared with."""

    against: Against
    round: int


class DeclaredSample(NamedTuple):
    """The pairs that people are asked about.

    Attributes:
        size: Number of pairs; None: all of the round.
        pairs: Digests of their questions, the earlier text first; empty if all are meant.
    """

    size: int | None
    pairs: frozenset[str]

    def has(self, pair: str) -> bool:
        """Whether a pair belongs to it, by the digest of its question."""
        return self.size is None or pair in self.pairs


class Samples(StoreTables):
    """The declared samples of a store."""

    schema = SAMPLES

    def declare(
        self,
        key: SampleKey,
        size: int | None,
        seed: int,
        strata: Mapping[str, str],
        *,
        by: str | None = None,
    ) -> DeclaredSample:
        """Declare a sample, or find it if it was declared before; either way it is the latest.

        A sample that was drawn when there were fewer pairs than wanted is drawn anew.

        Args:
            key: The round.
            size: Number of pairs; None: all.
            seed: Random seed.
            strata: The stratum of each pair, by the digest of its question.
            by: The field of the drafts that the strata are split by, if any.
        """
        now = datetime.now(UTC).isoformat()
        with self._file.transaction():
            for (id_,) in self._file.rows(_SAME, (*key, size, seed, by)):
                found = DeclaredSample(size, self._pairs(id_))
                if size is None or len(found.pairs) >= min(size, len(strata)):
                    self._file.write(_AGAIN, (now, id_))
                    return found
            id_ = self._file.write(_ADD, (*key, size, seed, now))
            if by is not None:
                self._file.write(_ADD_FIELD, (id_, by))
            drawn = [] if size is None else draw(strata, size, seed)
            self._file.write_many(_ADD_PAIRS, [(id_, pair) for pair in drawn])
        return DeclaredSample(size, frozenset(drawn))

    def latest(self) -> dict[SampleKey, DeclaredSample]:
        """The last declared sample of each round."""
        if not self._has("samples"):
            return {}
        rows = self._file.rows(_IN_ORDER)
        newest = {SampleKey(against, round_): (size, id_) for against, round_, size, id_ in rows}
        return {key: DeclaredSample(size, self._pairs(id_)) for key, (size, id_) in newest.items()}

    def _pairs(self, sample: int) -> frozenset[str]:
        return frozenset(pair for (pair,) in self._file.rows(_PAIRS, (sample,)))


def draw(strata: Mapping[str, str], size: int, seed: int) -> list[str]:
    """A stratified random sample: from each stratum its share, rounded by largest remainders.

    Args:
        strata: The stratum of each item.
        size: Number of items to draw; all, if there are fewer.
        seed: Random seed.
    """
    random = Random(f"sample {seed}")
    members: dict[str, list[str]] = defaultdict(list)
    for item in sorted(strata):
        members[strata[item]].append(item)
    numbers = proportional({name: len(items) for name, items in members.items()}, size)
    return [
        item for name in sorted(members) for item in random.sample(members[name], numbers[name])
    ]


def proportional(sizes: Mapping[Stratum, int], wanted: int) -> dict[Stratum, int]:
    """How many items to take from each stratum: its share, rounded by largest remainders.

    Args:
        sizes: The size of each stratum.
        wanted: Items to take in all; all of them if there are fewer.
    """
    total = sum(sizes.values())
    wanted = min(wanted, total)
    exact = {name: wanted * size / total for name, size in sizes.items()}
    taken = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (taken[name] - exact[name], name))
    for name in by_remainder[: wanted - sum(taken.values())]:
        taken[name] += 1
    return taken
