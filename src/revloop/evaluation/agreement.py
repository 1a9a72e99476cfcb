"""How far several judges agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from revloop.evaluation.libraries import library
from revloop.values import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from revloop.evaluation.outcomes import Outcome

_CATEGORIES = (0.0, 0.5, 1.0)


class Agreement(Frozen):
    """How far judges agree on the verdicts that all of them gave."""

    judges: tuple[str, ...]
    verdicts: int = Field(description="Verdicts that could be read from every judge.")
    share: float | None = Field(
        description="Share of them on which all judges say the same; None where there are none."
    )
    kappa: float | None = Field(
        description="Cohen's kappa with two judges, Fleiss' with more: 1 for full agreement, 0 for "
        "what chance would give. None where it cannot be told: no verdicts, or all of one kind."
    )


def agreement(judges: Sequence[tuple[str, Iterable[Outcome]]]) -> Agreement:
    """How far judges agree, verdict by verdict; each order of a pair counts as one.

    Kappa is J. Cohen's (Educ. Psychol. Meas. 20, 1960) for two judges and J. L. Fleiss' (Psychol.
    Bull. 76, 1971) for more. Pairs that were not changed are left out: nobody was asked.

    Args:
        judges: Name and outcomes of each judge, at least two.
    """
    names = tuple(name for name, _ in judges)
    said = [_verdicts(outcomes) for _, outcomes in judges]
    shared = sorted(set.intersection(*(set(verdicts) for verdicts in said)))
    rows = [[_CATEGORIES.index(verdicts[item]) for verdicts in said] for item in shared]
    if not rows:
        return Agreement(judges=names, verdicts=0, share=None, kappa=None)
    same = sum(len(set(row)) == 1 for row in rows)
    return Agreement(judges=names, verdicts=len(rows), share=same / len(rows), kappa=_kappa(rows))


def _verdicts(outcomes: Iterable[Outcome]) -> dict[tuple[str, int, int, int], float]:
    return {
        (outcome.against, outcome.round, outcome.record, order): score
        for outcome in outcomes
        if not outcome.is_unchanged
        for order, score in enumerate(outcome.scores)
        if score is not None
    }


def _kappa(rows: Sequence[Sequence[int]]) -> float | None:
    if len({category for row in rows for category in row}) < 2:
        return None  # chance alone would agree as well
    rating = library("statsmodels.stats.inter_rater")
    numpy = library("numpy")
    if len(rows[0]) == 2:
        table = numpy.zeros((len(_CATEGORIES), len(_CATEGORIES)))
        for one, other in rows:
            table[one, other] += 1
        return float(rating.cohens_kappa(table, return_results=False))
    counts, _ = rating.aggregate_raters(numpy.array(rows), n_cat=len(_CATEGORIES))
    return float(rating.fleiss_kappa(counts))
