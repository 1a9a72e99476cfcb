"""The win rate with length held still."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.evaluation.figures import FEWEST_RECORDS
from revloop.evaluation.libraries import library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.evaluation.outcomes import Outcome

FEWEST_ON_A_SIDE = 5
"""Fewer records that became longer (or shorter) cannot be weighed up against the rest."""

_RIDGE = 10.0


def length_controlled_win_rate(outcomes: Sequence[Outcome]) -> float | None:
    """The win rate to be expected if the later texts were as long as the earlier ones.

    After AlpacaEval 2 (Y. Dubois, B. Galambosi, P. Liang, T. B. Hashimoto, "Length-Controlled
    AlpacaEval", arXiv 2404.04475, section 3): a logistic regression of the verdict on
    tanh(length difference / its standard deviation), whose prediction at difference 0 is the
    figure. Lengths are in characters, as there.

    Left out, compared with the original: the difficulty of each instruction, which can be told
    only from the verdicts on many models. Added: texts that became longer and texts that became
    shorter weigh the same in sum, since revisions mostly grow, and the fit would otherwise credit
    a judge of mere length with half of the log odds that the growth gives it. A ridge penalty of
    weight 10 on the coefficient of length, and none on the constant, keeps the fit finite where
    length alone decides every verdict; the original takes its penalty from cross-validation.
    Pairs that were not changed are no evidence about length: they stand at 0.5 beside the fit.

    Returns:
        None with fewer than ten changed records, or with fewer than five that became longer or
        five that became shorter: too little then tells length from quality.
    """
    readable = [outcome for outcome in outcomes if outcome.readable]
    changed = [outcome for outcome in readable if not outcome.is_unchanged]
    if len(changed) < FEWEST_RECORDS:
        return None
    controlled = _at_equal_length(changed)
    if controlled is None:
        return None
    verdicts = sum(len(outcome.readable) for outcome in changed)
    ties = sum(len(outcome.readable) for outcome in readable if outcome.is_unchanged)
    return (controlled * verdicts + 0.5 * ties) / (verdicts + ties)


def _at_equal_length(changed: Sequence[Outcome]) -> float | None:
    scores = [score for outcome in changed for score in outcome.readable]
    mean = sum(scores) / len(scores)
    longer = sum(_growth(outcome) > 0 for outcome in changed)
    shorter = sum(_growth(outcome) < 0 for outcome in changed)
    if longer == shorter == 0:
        return mean
    if min(longer, shorter) < FEWEST_ON_A_SIDE:
        return None
    if mean in {0.0, 1.0}:
        return mean  # whatever the length, the verdict is the same
    growths = [_growth(outcome) for outcome in changed for _ in outcome.readable]
    return _fitted_at_zero(growths, scores)


def _fitted_at_zero(growths: Sequence[int], scores: Sequence[float]) -> float:
    numpy = library("numpy")
    models = library("statsmodels.genmod.generalized_linear_model")
    families = library("statsmodels.genmod.families")
    grown = numpy.array(growths)
    terms = numpy.column_stack([numpy.ones(len(grown)), numpy.tanh(grown / numpy.std(grown))])
    sides, weights = (grown > 0, grown < 0), numpy.ones(len(grown))
    for side in sides:
        weights[side] = (grown != 0).sum() / 2 / side.sum()
    model = models.GLM(numpy.array(scores), terms, family=families.Binomial(), freq_weights=weights)
    # statsmodels divides the likelihood by the number of verdicts, so the penalty as well
    fitted = model.fit_regularized(alpha=numpy.array([0.0, _RIDGE / len(scores)]), L1_wt=0.0)
    return float(1 / (1 + numpy.exp(-fitted.params[0])))


def _growth(outcome: Outcome) -> int:
    earlier, later = outcome.characters
    return later - earlier
