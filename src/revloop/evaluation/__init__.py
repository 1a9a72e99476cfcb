"""Evaluation: what rounds of revision did, by judges whose verdicts are stored."""

from revloop.evaluation.agreement import Agreement
from revloop.evaluation.collecting import DEFAULT_CONCURRENCY, Asked, collect
from revloop.evaluation.evaluating import (
    ORIGINAL,
    Contents,
    ask_judge,
    evaluate,
    look_into,
    questions,
    stored_judges,
)
from revloop.evaluation.factory import open_judge
from revloop.evaluation.functions import FunctionJudge, demo_judge, load_function
from revloop.evaluation.models import ModelJudge
from revloop.evaluation.outcomes import Outcome, outcomes
from revloop.evaluation.pairs import Against, Pair, pairs_of
from revloop.evaluation.prompts import JudgePrompts
from revloop.evaluation.rewards import RewardJudge
from revloop.evaluation.rounds import Evaluation, JudgeFigures, RoundFigures
from revloop.evaluation.verdicts import Question, Verdicts

__all__ = [
    "DEFAULT_CONCURRENCY",
    "ORIGINAL",
    "Against",
    "Agreement",
    "Asked",
    "Contents",
    "Evaluation",
    "FunctionJudge",
    "JudgeFigures",
    "JudgePrompts",
    "ModelJudge",
    "Outcome",
    "Pair",
    "Question",
    "RewardJudge",
    "RoundFigures",
    "Verdicts",
    "ask_judge",
    "collect",
    "demo_judge",
    "evaluate",
    "load_function",
    "look_into",
    "open_judge",
    "outcomes",
    "pairs_of",
    "questions",
    "stored_judges",
]
