"""Agreement between judges."""

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
    verdicts: int = Field(description="Readable verdicts that every judge gave.")
    share: float | None = Field(
        description="Share of these on which all judges agree; None if there are none."
    )
    kappa: float | None = Field(
        description="Cohen's kappa for two judges, Fleiss' for more: 1 is full agreement, 0 is "
        "chance. None if undefined: no verdicts, or all of them the same."
    )

    @property
    def kappa_name(self) -> str:
        """Whose kappa it is."""
        return "Cohen's" if len(self.judges) == 2 else "Fleiss'"


def agreement(judges: Sequence[tuple[str, Iterable[Outcome]]]) -> Agreement:
    """Compare judges verdict by verdict; the two orders of a pair count separately.

    Kappa is J. Cohen's (Educ. Psychol. Meas. 20, 1960) for two judges and J. L. Fleiss' (Psychol.
    Bull. 76, 1971) for more. Unchanged pairs are excluded, since no judge is asked about them.

    Args:
        judges: Name and outcomes of each judge, at least two.
    """
    names = tuple(name for name, _ in judges)
    by_judge = [_verdicts(outcomes) for _, outcomes in judges]
    shared = sorted(set.intersection(*(set(verdicts) for verdicts in by_judge)))
    return agreement_on(names, [[verdicts[item] for verdicts in by_judge] for item in shared])


def agreement_on(judges: tuple[str, ...], scores: Iterable[Sequence[float]]) -> Agreement:
    """Compare judges on the verdicts that all of them gave.

    Args:
        judges: Their names.
        scores: For each verdict, what it gives the later text by each judge: 1, 0.5 or 0.
    """
    rows = [[_CATEGORIES.index(score) for score in row] for row in scores]
    if not rows:
        return Agreement(judges=judges, verdicts=0, share=None, kappa=None)
    same = sum(len(set(row)) == 1 for row in rows)
    return Agreement(judges=judges, verdicts=len(rows), share=same / len(rows), kappa=_kappa(rows))


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
        return None  # chance agreement is 1, and kappa divides by 0
    rating = library("statsmodels.stats.inter_rater")
    if len(rows[0]) == 2:
        table, _ = rating.to_table(rows, bins=len(_CATEGORIES))
        return float(rating.cohens_kappa(table, return_results=False))
    counts, _ = rating.aggregate_raters(rows, n_cat=len(_CATEGORIES))
    return float(rating.fleiss_kappa(counts))
