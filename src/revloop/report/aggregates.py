"""Counts over all trajectories for the charts, and a row for each in the list."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from revloop.errors import InputError
from revloop.evaluation import Question
from revloop.evaluation.outcomes import group_of, scores_of
from revloop.report.panels import PanelCounts, count_votes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.edits import EditOutcome
    from revloop.report.source import ReportSource
    from revloop.trajectory import Step, Trajectory

Result = Literal["harmed", "worse", "mixed", "failed", "unjudged", "same", "better"]

RESULTS: dict[Result, str] = {
    "harmed": "Harmed",
    "worse": "Worse",
    "mixed": "Mixed",
    "failed": "Failed",
    "unjudged": "Not judged",
    "same": "Same",
    "better": "Better",
}
"""Labels of the results, in the order of the list."""

UNFINISHED = "not_finished"
_PREVIEW_CHARACTERS = 120
_VALUE_CHARACTERS = 80


@dataclass
class RoundCost:
    """The cost of one round, summed over all trajectories.

    Attributes:
        trajectories: Trajectories with requests in this round.
        read_tokens: Prompt tokens that the engine computed.
        cached_tokens: Prompt tokens from its prefix cache.
        generated_tokens: Tokens that it generated.
        thinking_tokens: Of these, those of thoughts, where they are known.
        seconds: Engine time.
    """

    trajectories: int = 0
    read_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    thinking_tokens: int = 0
    seconds: float = 0.0

    def add(self, steps: Sequence[Step]) -> None:
        """Add the requests of one trajectory."""
        self.trajectories += 1
        for step in steps:
            cached = step.usage.cached_tokens or 0
            self.read_tokens += step.usage.prompt_tokens - cached
            self.cached_tokens += cached
            self.generated_tokens += step.usage.generated_tokens
            self.thinking_tokens += step.usage.thinking_tokens or 0
            self.seconds += step.latency_s


@dataclass
class Aggregates:
    """What the charts and the list need of all trajectories.

    Attributes:
        rounds: The most rounds of any trajectory.
        stop_reasons: Trajectories by stop reason; ``not_finished`` without one.
        results: Trajectories by result.
        costs: By round, from round 1.
        edits: Edits of all versions by outcome.
        rewrites: Versions that were written whole because their edits could not be used.
        panels: The votes of panels of judges, by the judges' names.
        fields: The drafts' own fields, in order of appearance.
        rows: For each trajectory: id, reason, result, rounds, kept version, beginning of its
            prompt, and its values of the fields.
    """

    rounds: int = 0
    stop_reasons: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    costs: dict[int, RoundCost] = field(default_factory=dict)
    edits: Counter[EditOutcome] = field(default_factory=Counter)
    rewrites: int = 0
    panels: dict[tuple[str, ...], PanelCounts] = field(default_factory=dict)
    fields: dict[str, None] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)


def aggregate(source: ReportSource) -> Aggregates:
    """Read all trajectories once.

    Raises:
        InputError: There is none.
    """
    found = Aggregates()
    for trajectory in source.trajectories():
        _add(found, trajectory, result_of(trajectory, source))
    if not found.rows:
        raise InputError(f"{source.name} holds no trajectory: there is nothing to report.")
    return found


def result_of(trajectory: Trajectory, source: ReportSource) -> Result:
    """The first judge's verdict on the kept version against the original.

    ``harmed`` lost in both orders and ``worse`` in the only one; ``better`` won in all. ``failed``
    lacks requested rounds, whatever the verdicts on the others.
    """
    original, kept = trajectory.original, trajectory.kept_text
    if trajectory.failed:
        return "failed"
    if original == kept:
        return "same" if trajectory.rounds or trajectory.end is not None else "unjudged"
    if source.judge is None:
        return "unjudged"
    draft = trajectory.draft
    question = Question(draft.prompt_text, original, kept, draft.extra)
    scores = scores_of(*source.in_both_orders(source.judge, question))
    return _result_of_scores([score for score in scores if score is not None])


def _result_of_scores(scores: Sequence[float]) -> Result:
    if not scores:
        return "unjudged"
    if len(set(scores)) > 1:
        return "mixed"
    if scores[0] == 0.0:
        return "harmed" if len(scores) == 2 else "worse"
    return "better" if scores[0] == 1.0 else "same"


def _add(found: Aggregates, trajectory: Trajectory, result: Result) -> None:
    found.rounds = max(found.rounds, trajectory.rounds)
    reason = UNFINISHED if trajectory.end is None else trajectory.end.reason.value
    found.stop_reasons[reason] += 1
    found.results[result] += 1
    count_votes(found.panels, trajectory.versions)
    for version in trajectory.versions[1:]:
        found.costs.setdefault(version.round, RoundCost()).add(version.steps)
        found.edits.update(edit.outcome for edit in version.edits or ())
        found.rewrites += version.unusable_edits is not None
    if trajectory.end is not None and trajectory.end.steps:
        failed_round = trajectory.rounds + 1
        found.costs.setdefault(failed_round, RoundCost()).add(trajectory.end.steps)
    extra = trajectory.draft.extra
    found.fields.update(dict.fromkeys(extra))
    found.rows.append(
        {
            "id": trajectory.draft.id,
            "reason": reason,
            "result": result,
            "rounds": trajectory.rounds,
            "kept": trajectory.kept,
            "preview": preview_of(trajectory),
            "values": {name: group_of(trajectory, name)[:_VALUE_CHARACTERS] for name in extra},
        }
    )


def preview_of(trajectory: Trajectory) -> str:
    """The beginning of the prompt, or of the response without one, on one line."""
    text = trajectory.draft.prompt_text or trajectory.original
    return " ".join(text[: 4 * _PREVIEW_CHARACTERS].split())[:_PREVIEW_CHARACTERS]
