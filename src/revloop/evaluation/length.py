"""Length-controlled win rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.evaluation.figures import MIN_RECORDS
from revloop.evaluation.libraries import library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.evaluation.outcomes import Outcome

MIN_PER_SIDE = 5
"""Records that became longer, and shorter, below which length cannot be told from quality."""

_RIDGE = 10.0


def length_controlled_win_rate(outcomes: Sequence[Outcome]) -> float | None:
    """The win rate expected if the later texts were as long as the earlier ones.

    After AlpacaEval 2 (Y. Dubois, B. Galambosi, P. Liang, T. B. Hashimoto, "Length-Controlled
    AlpacaEval", arXiv 2404.04475, section 3): a logistic regression of the verdict on
    tanh(length difference / its standard deviation), evaluated at difference 0. Lengths are in
    characters, as there.

    Differences from the original:

    * No instruction difficulty: fitting it takes verdicts on many models.
    * Texts that became longer and texts that became shorter get the same total weight. Revisions
      mostly grow, and an unweighted fit would leave a judge of mere length half of the log odds
      that the growth gives it.
    * A ridge penalty of weight 10 on the length coefficient, none on the constant, keeps the fit
      finite if length alone decides every verdict; the original takes it from cross-validation.
    * Unchanged pairs carry no evidence about length: they count as 0.5 beside the fit.

    Returns:
        None for fewer than ten changed records, or fewer than five that became longer or five that
        became shorter.
    """
    readable = [outcome for outcome in outcomes if outcome.readable]
    changed = [outcome for outcome in readable if not outcome.is_unchanged]
    if len(changed) < MIN_RECORDS:
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
    if min(longer, shorter) < MIN_PER_SIDE:
        return None
    if mean in {0.0, 1.0}:
        return mean  # all verdicts agree, whatever the length
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
    # statsmodels divides the likelihood by the number of verdicts, so the penalty is divided too
    fitted = model.fit_regularized(alpha=numpy.array([0.0, _RIDGE / len(scores)]), L1_wt=0.0)
    return float(1 / (1 + numpy.exp(-fitted.params[0])))


def _growth(outcome: Outcome) -> int:
    earlier, later = outcome.characters
    return later - earlier
