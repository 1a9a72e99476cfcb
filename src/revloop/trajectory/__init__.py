"""Drafts, versions, verdicts and trajectories."""

from revloop.trajectory.checks import Check, Checker, CheckInfo, Span, Veto, broken
from revloop.trajectory.comparisons import (
    Comparison,
    OtherCandidate,
    PanelComparison,
    Selection,
    Vote,
    compare,
    results_of,
)
from revloop.trajectory.draft import Draft, Message, as_draft, near_miss, text_of
from revloop.trajectory.open_trajectory import OpenTrajectory
from revloop.trajectory.sampling import Sampling, SamplingDefaults, SentSampling
from revloop.trajectory.spending import ModelUsage, Spending, merged, summed
from revloop.trajectory.steps import (
    REVISION_KINDS,
    FinishReason,
    GuardVerdict,
    Refusal,
    Step,
    StepKind,
    Usage,
)
from revloop.trajectory.trajectory import End, StopReason, Trajectory
from revloop.trajectory.verdicts import (
    FieldJudge,
    Judge,
    JudgeInfo,
    JudgeKind,
    Preference,
    ReadsAhead,
    Tally,
    Verdict,
    challenger_score,
    told,
)
from revloop.trajectory.version import HUMAN, Criterion, Critique, EngineInfo, Version, kept_round

__all__ = [
    "HUMAN",
    "REVISION_KINDS",
    "Check",
    "CheckInfo",
    "Checker",
    "Comparison",
    "Criterion",
    "Critique",
    "Draft",
    "End",
    "EngineInfo",
    "FieldJudge",
    "FinishReason",
    "GuardVerdict",
    "Judge",
    "JudgeInfo",
    "JudgeKind",
    "Message",
    "ModelUsage",
    "OpenTrajectory",
    "OtherCandidate",
    "PanelComparison",
    "Preference",
    "ReadsAhead",
    "Refusal",
    "Sampling",
    "SamplingDefaults",
    "Selection",
    "SentSampling",
    "Span",
    "Spending",
    "Step",
    "StepKind",
    "StopReason",
    "Tally",
    "Trajectory",
    "Usage",
    "Verdict",
    "Version",
    "Veto",
    "Vote",
    "as_draft",
    "broken",
    "challenger_score",
    "compare",
    "kept_round",
    "merged",
    "near_miss",
    "results_of",
    "summed",
    "text_of",
    "told",
]
