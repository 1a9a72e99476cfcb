"""The first look at all trajectories: counts for the charts, and a line for each in the list."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from revloop.errors import InputError
from revloop.evaluation import Question
from revloop.evaluation.outcomes import group_of
from revloop.trajectory import challenger_score

if TYPE_CHECKING:
    from collections.abc import Sequence

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
"""What became of a trajectory, and how it is called; those to look at first stand first."""

NOT_ENDED = "not_finished"
_PREVIEW_CHARACTERS = 120
_VALUE_CHARACTERS = 80


@dataclass
class RoundCost:
    """What one round took, all trajectories together.

    Attributes:
        trajectories: How many asked the engine in this round.
        read_tokens: Prompt tokens that the engine had to read.
        cached_tokens: Prompt tokens that it had in its prefix cache.
        written_tokens: Tokens that it generated.
        seconds: Engine time.
    """

    trajectories: int = 0
    read_tokens: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0
    seconds: float = 0.0

    def add(self, steps: Sequence[Step]) -> None:
        """Count the requests of one trajectory."""
        self.trajectories += 1
        for step in steps:
            cached = step.usage.cached_tokens or 0
            self.read_tokens += step.usage.prompt_tokens - cached
            self.cached_tokens += cached
            self.written_tokens += step.usage.generated_tokens
            self.seconds += step.latency_s


@dataclass
class Gathered:
    """What the charts and the list need to know of all trajectories.

    Attributes:
        rounds: The most rounds of any trajectory.
        ended: How many ended for each reason; ``not_finished`` for none.
        results: How many became better, were harmed, and so on.
        costs: By round, from round 1.
        fields: The drafts' own fields, in the order in which they came.
        rows: A line for each trajectory: id, reason, result, rounds, the version that was kept,
            the beginning of its prompt, and its value in each field that it has.
    """

    rounds: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    costs: dict[int, RoundCost] = field(default_factory=dict)
    fields: dict[str, None] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)


def gather(source: ReportSource) -> Gathered:
    """Look at all trajectories once.

    Raises:
        InputError: There is none.
    """
    found = Gathered()
    for trajectory in source.trajectories():
        _count(found, trajectory, result_of(trajectory, source))
    if not found.rows:
        raise InputError(f"{source.name} holds no trajectory: there is nothing to report.")
    return found


def result_of(trajectory: Trajectory, source: ReportSource) -> Result:
    """What became of a trajectory, by the first judge: its kept version against its original.

    ``harmed`` lost in both orders, ``better`` won in all that were asked; ``worse`` lost in the
    one order that a person saw. ``failed`` lacks rounds that were asked for, whatever the judge
    said of the others.
    """
    original, kept = trajectory.original, trajectory.kept_text
    if trajectory.failed:
        return "failed"
    if original == kept:
        return "same" if trajectory.rounds or trajectory.end is not None else "unjudged"
    judge = source.judge
    if judge is None:
        return "unjudged"
    question = Question(trajectory.draft.prompt_text, original, kept)
    given = (source.verdict(judge, question), source.verdict(judge, question.swapped))
    scores = [
        score
        for verdict, is_swapped in zip(given, (False, True), strict=True)
        if verdict is not None
        and (score := challenger_score(verdict, challenger_first=is_swapped)) is not None
    ]
    return _result_of_scores(scores)


def _result_of_scores(scores: Sequence[float]) -> Result:
    if not scores:
        return "unjudged"
    if len(set(scores)) > 1:
        return "mixed"
    if scores[0] == 0.0:
        return "harmed" if len(scores) == 2 else "worse"
    return "better" if scores[0] == 1.0 else "same"


def _count(found: Gathered, trajectory: Trajectory, result: Result) -> None:
    found.rounds = max(found.rounds, trajectory.rounds)
    reason = NOT_ENDED if trajectory.end is None else trajectory.end.reason.value
    found.ended[reason] += 1
    found.results[result] += 1
    for version in trajectory.versions[1:]:
        found.costs.setdefault(version.round, RoundCost()).add(version.steps)
    if trajectory.end is not None and trajectory.end.steps:
        unfinished = trajectory.rounds + 1
        found.costs.setdefault(unfinished, RoundCost()).add(trajectory.end.steps)
    found.fields.update(dict.fromkeys(trajectory.draft.extra))
    found.rows.append(
        {
            "id": trajectory.draft.id,
            "reason": reason,
            "result": result,
            "rounds": trajectory.rounds,
            "kept": trajectory.kept,
            "preview": _preview(trajectory),
            "values": _values(trajectory),
        }
    )


def _preview(trajectory: Trajectory) -> str:
    text = trajectory.draft.prompt_text or trajectory.original
    return " ".join(text[: 4 * _PREVIEW_CHARACTERS].split())[:_PREVIEW_CHARACTERS]


def _values(trajectory: Trajectory) -> dict[str, str]:
    return {name: group_of(trajectory, name)[:_VALUE_CHARACTERS] for name in trajectory.draft.extra}
