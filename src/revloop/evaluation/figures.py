"""The figures of one round, each from the outcomes of its records. None: not measured."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from revloop.evaluation.libraries import library
from revloop.trajectory import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from revloop.evaluation.outcomes import Outcome

FEWEST_RECORDS = 10
"""With fewer records an interval says more about the method than about the records."""

RESAMPLES = 10_000
CONFIDENCE = 0.95


class Interval(NamedTuple):
    """Where a figure lies with 95% confidence."""

    low: float
    high: float


def tally(outcomes: Sequence[Outcome]) -> Tally:
    """Verdicts for the later text, ties, and verdicts against it, both orders counted."""
    counted = Counter(score for outcome in outcomes for score in outcome.readable)
    return Tally(wins=counted[1.0], ties=counted[0.5], losses=counted[0.0])


def unparseable(outcomes: Sequence[Outcome]) -> int:
    """Verdicts that could not be read in any try."""
    return sum(outcome.unparseable for outcome in outcomes)


def win_rate_interval(
    outcomes: Sequence[Outcome], *, resamples: int = RESAMPLES, seed: int = 0
) -> Interval | None:
    """95% interval of the win rate: percentile bootstrap over records.

    Records are drawn, with all verdicts of each, and not verdicts: the two orders of one record
    are not independent, and an interval that took them for so would be too narrow (a cluster
    bootstrap; A. C. Davison, D. V. Hinkley, Bootstrap Methods and their Application, 1997, 3.8).
    Records with the same scores are alike, so drawing how many there are of each kind, from a
    multinomial distribution, is drawing records, in memory that does not grow with them.

    Returns:
        None with fewer than ten records, or where all say the same (only ties, say): drawing from
        them again can only repeat it, and an interval of no width would look like certainty.
    """
    kinds = Counter(
        (sum(outcome.readable), len(outcome.readable)) for outcome in outcomes if outcome.readable
    )
    records = kinds.total()
    if records < FEWEST_RECORDS or len({score / count for score, count in kinds}) < 2:
        return None
    numpy = library("numpy")
    ordered = sorted(kinds)
    shares = numpy.array([kinds[kind] for kind in ordered]) / records
    drawn = numpy.random.default_rng(seed).multinomial(records, shares, size=resamples)
    scores, counts = numpy.array(ordered).T
    rates = (drawn @ scores) / (drawn @ counts)
    tail = (1 - CONFIDENCE) / 2
    low, high = numpy.quantile(rates, [tail, 1 - tail])
    return Interval(float(low), float(high))


def order_flip_share(outcomes: Sequence[Outcome]) -> float | None:
    """Share of the pairs whose verdict changed when the two texts swapped places.

    0: the judge looks at the texts alone. A judge that always says "first" has 1, one that throws
    a coin 0.5. Pairs that were not changed are left out, since nobody was asked.

    Returns:
        None where no pair has both orders.
    """
    both = [o.in_both_orders for o in outcomes if not o.is_unchanged and o.in_both_orders]
    if not both:
        return None
    return sum(one != other for one, other in both) / len(both)


def harm_rate(outcomes: Sequence[Outcome]) -> float | None:
    """Share of the records whose later text loses in both orders; None where none has both."""
    both = [o.in_both_orders for o in outcomes if o.in_both_orders]
    return sum(scores == (0.0, 0.0) for scores in both) / len(both) if both else None


def mean_characters(outcomes: Sequence[Outcome]) -> tuple[float, float] | None:
    """Mean lengths of the earlier and of the later texts; None where there are none."""
    if not outcomes:
        return None
    earlier = sum(outcome.characters[0] for outcome in outcomes)
    later = sum(outcome.characters[1] for outcome in outcomes)
    return earlier / len(outcomes), later / len(outcomes)


def record_scores(outcomes: Sequence[Outcome]) -> dict[int, float]:
    """The mean score of each record, from 0 (every verdict against it) to 1."""
    return {o.record: sum(o.readable) / len(o.readable) for o in outcomes if o.readable}


def sign_test(before: Mapping[int, float], after: Mapping[int, float]) -> float | None:
    """Two-sided exact sign test over the records that both have.

    For scores of 0 and 1 this is McNemar's exact test (Q. McNemar, Psychometrika 12, 1947): the
    records that got better against those that got worse, by the binomial distribution. Records
    are counted and not verdicts, since the two orders of a record are not independent.

    Args:
        before: Score by record.
        after: The same, later.

    Returns:
        The p value, without any correction; None where no record changed its score.
    """
    changes = [after[record] - before[record] for record in before.keys() & after.keys()]
    better, worse = sum(c > 0 for c in changes), sum(c < 0 for c in changes)
    if better + worse == 0:
        return None
    return float(library("scipy.stats").binomtest(better, better + worse).pvalue)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's correction for several tests (S. Holm, Scand. J. Statist. 6, 1979).

    Tests that were not possible are not counted.
    """
    known = [p for p in p_values if p is not None]
    if not known:
        return list(p_values)
    multitest = library("statsmodels.stats.multitest")
    corrected = iter(multitest.multipletests(known, method="holm")[1])
    return [None if p is None else float(next(corrected)) for p in p_values]
