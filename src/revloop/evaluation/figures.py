"""Figures of one round, computed from the outcomes of its records. None: not measured."""

from __future__ import annotations

from collections import Counter
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from revloop.evaluation.libraries import library
from revloop.trajectory import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from revloop.evaluation.outcomes import Outcome

MIN_RECORDS = 10
"""An interval over fewer records says more about the method than about the records."""

RESAMPLES = 10_000
CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A 95% confidence interval."""

    low: float
    high: float


def tally(outcomes: Sequence[Outcome]) -> Tally:
    """Count verdicts for the later text, ties, and verdicts against it, in both orders."""
    counted = Counter(score for outcome in outcomes for score in outcome.readable)
    return Tally(wins=counted[1.0], ties=counted[0.5], losses=counted[0.0])


def win_rate_interval(outcomes: Sequence[Outcome]) -> Interval | None:
    """95% interval of the win rate: percentile bootstrap over records.

    Records are resampled with all their verdicts: the two orders of a record are not independent,
    so resampling verdicts would make the interval too narrow (a cluster bootstrap; A. C. Davison,
    D. V. Hinkley, Bootstrap Methods and their Application, 1997, 3.8). Records with the same scores
    are interchangeable, so a multinomial draw of how often each kind occurs is the same as drawing
    records, in memory that does not grow with their number.

    Returns:
        None for fewer than ten records, or if all have the same score: resampling them would give
        an interval of no width, which looks like certainty.
    """
    kinds = Counter(
        (sum(outcome.readable), len(outcome.readable)) for outcome in outcomes if outcome.readable
    )
    records = kinds.total()
    if records < MIN_RECORDS or len({score / count for score, count in kinds}) < 2:
        return None
    numpy = library("numpy")
    ordered = sorted(kinds)
    shares = numpy.array([kinds[kind] for kind in ordered]) / records
    drawn = numpy.random.default_rng(0).multinomial(records, shares, size=RESAMPLES)
    scores, counts = numpy.array(ordered).T
    rates = (drawn @ scores) / (drawn @ counts)
    tail = (1 - CONFIDENCE) / 2
    low, high = numpy.quantile(rates, [tail, 1 - tail])
    return Interval(float(low), float(high))


def wilson_interval(successes: int, records: int) -> Interval:
    """95% interval of a share of records (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927).

    Args:
        successes: Records that count.
        records: All of them, at least 1.
    """
    proportion = library("statsmodels.stats.proportion")
    low, high = proportion.proportion_confint(successes, records, 1 - CONFIDENCE, method="wilson")
    return Interval(max(0.0, float(low)), min(1.0, float(high)))


def order_flip_share(outcomes: Sequence[Outcome]) -> float | None:
    """Share of the changed pairs whose verdict changed when the two texts swapped places.

    This measures position bias: 0 for a judge of the texts alone, 1 for one that always says
    "first", 0.5 for a coin.

    Returns:
        None if no changed pair has both orders.
    """
    both = [o.in_both_orders for o in outcomes if not o.is_unchanged and o.in_both_orders]
    return sum(one != other for one, other in both) / len(both) if both else None


def harm_rate(outcomes: Sequence[Outcome]) -> float | None:
    """Share of the records whose later text loses in both orders; None if none has both."""
    both = [o.in_both_orders for o in outcomes if o.in_both_orders]
    return sum(scores == (0.0, 0.0) for scores in both) / len(both) if both else None


def mean_characters(outcomes: Sequence[Outcome]) -> tuple[float, float] | None:
    """Mean lengths of the earlier and of the later texts; None without outcomes."""
    if not outcomes:
        return None
    earlier, later = zip(*(outcome.characters for outcome in outcomes), strict=True)
    return fmean(earlier), fmean(later)


def record_scores(outcomes: Sequence[Outcome]) -> dict[int, float]:
    """The mean score of each record, from 0 (every verdict against it) to 1."""
    return {o.record: fmean(o.readable) for o in outcomes if o.readable}


def sign_test(before: Mapping[int, float], after: Mapping[int, float]) -> float | None:
    """Two-sided exact sign test over the records with both scores.

    For scores of 0 and 1 this is McNemar's exact test (Q. McNemar, Psychometrika 12, 1947): a
    binomial test of the records that improved against those that got worse. It counts records, not
    verdicts, since the two orders of a record are not independent.

    Args:
        before: Scores by record.
        after: Later scores by record.

    Returns:
        The uncorrected p value; None if no score changed.
    """
    changes = [after[record] - before[record] for record in before.keys() & after.keys()]
    better, worse = sum(c > 0 for c in changes), sum(c < 0 for c in changes)
    if better + worse == 0:
        return None
    return float(library("scipy.stats").binomtest(better, better + worse).pvalue)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's correction for multiple tests (S. Holm, Scand. J. Statist. 6, 1979); skips None."""
    known = [p for p in p_values if p is not None]
    if not known:
        return list(p_values)
    multitest = library("statsmodels.stats.multitest")
    corrected = iter(multitest.multipletests(known, method="holm")[1])
    return [None if p is None else float(next(corrected)) for p in p_values]
