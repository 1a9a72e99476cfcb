"""Evaluation: judges compare the rounds of a store, and figures summarise their verdicts."""

from revloop.evaluation.agreement import Agreement
from revloop.evaluation.checks import CheckFigures
from revloop.evaluation.collecting import (
    DEFAULT_CONCURRENCY,
    VerdictCounts,
    ask_judge,
    count_questions,
)
from revloop.evaluation.evaluating import count_store, evaluate, stored_judges
from revloop.evaluation.factory import (
    judge_key_variable,
    judge_openers,
    open_judge,
    reviser_keywords,
    selector_opener,
)
from revloop.evaluation.functions import FunctionJudge, demo_judge, load_function
from revloop.evaluation.models import ModelJudge
from revloop.evaluation.options import ComparedWith, EvaluationOptions, comparisons
from revloop.evaluation.outcomes import Outcome, outcomes
from revloop.evaluation.pairs import ORIGINAL, Against, pairs_of
from revloop.evaluation.prompts import JudgePrompts
from revloop.evaluation.rewards import RewardJudge
from revloop.evaluation.rounds import Evaluation, JudgeFigures, RoundFigures
from revloop.evaluation.verdicts import Question, Verdicts

__all__ = [
    "DEFAULT_CONCURRENCY",
    "ORIGINAL",
    "Against",
    "Agreement",
    "CheckFigures",
    "ComparedWith",
    "Evaluation",
    "EvaluationOptions",
    "FunctionJudge",
    "JudgeFigures",
    "JudgePrompts",
    "ModelJudge",
    "Outcome",
    "Question",
    "RewardJudge",
    "RoundFigures",
    "VerdictCounts",
    "Verdicts",
    "ask_judge",
    "comparisons",
    "count_questions",
    "count_store",
    "demo_judge",
    "evaluate",
    "judge_key_variable",
    "judge_openers",
    "load_function",
    "open_judge",
    "outcomes",
    "pairs_of",
    "reviser_keywords",
    "selector_opener",
    "stored_judges",
]
