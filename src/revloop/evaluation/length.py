"""The win rate with length held still."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.evaluation.figures import FEWEST_RECORDS
from revloop.evaluation.heavy import library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.evaluation.outcomes import Outcome

_RIDGE = 1.0


def length_controlled_win_rate(outcomes: Sequence[Outcome]) -> float | None:
    """The win rate to be expected if the later texts were as long as the earlier ones.

    After AlpacaEval 2 (Y. Dubois, B. Galambosi, P. Liang, T. B. Hashimoto, "Length-Controlled
    AlpacaEval", arXiv 2404.04475, section 3): a logistic regression of the verdict on
    tanh(length difference / its standard deviation), whose prediction at difference 0 is the
    figure. Lengths are in characters, as there.

    Left out, compared with the original: the difficulty of each instruction, which can be told
    only from the verdicts on many models, and with it the coefficients that these share. A ridge
    penalty of weight 1 on the coefficient of length (none on the constant) keeps the fit finite
    where length alone decides every verdict; the original takes its penalty from cross-validation.
    Pairs that were not changed are no evidence about length: they stand at 0.5 beside the fit.

    Returns:
        None with fewer than ten changed records, or where the later text is longer in all of
        them, or shorter in all: nothing then tells length from quality.
    """
    readable = [outcome for outcome in outcomes if outcome.readable]
    changed = [outcome for outcome in readable if not outcome.is_unchanged]
    if len(changed) < FEWEST_RECORDS:
        return None
    differences = [o.characters[1] - o.characters[0] for o in changed for _ in o.readable]
    scores = [score for outcome in changed for score in outcome.readable]
    controlled = _at_no_difference(differences, scores)
    if controlled is None:
        return None
    ties = sum(len(outcome.readable) for outcome in readable if outcome.is_unchanged)
    return (controlled * len(scores) + 0.5 * ties) / (len(scores) + ties)


def _at_no_difference(differences: Sequence[int], scores: Sequence[float]) -> float | None:
    mean = sum(scores) / len(scores)
    if not any(differences):
        return mean
    if min(differences) > 0 or max(differences) < 0:
        return None
    if mean in {0.0, 1.0}:
        return mean  # whatever the length, the verdict is the same
    numpy = library("numpy")
    models = library("statsmodels.genmod.generalized_linear_model")
    families = library("statsmodels.genmod.families")
    scaled = numpy.tanh(numpy.array(differences) / numpy.std(differences))
    terms = numpy.column_stack([numpy.ones(len(scaled)), scaled])
    model = models.GLM(numpy.array(scores), terms, family=families.Binomial())
    # statsmodels divides the likelihood by the number of verdicts, so the penalty as well
    fitted = model.fit_regularized(alpha=numpy.array([0.0, _RIDGE / len(scores)]), L1_wt=0.0)
    return float(1 / (1 + numpy.exp(-fitted.params[0])))
