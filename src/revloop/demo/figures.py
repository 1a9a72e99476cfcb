"""Faults of demo messages after each round, and how true and useful the critiques were.

How many messages got better or worse is told by :mod:`revloop.evaluation`, as for any store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from revloop.demo.judge import judge
from revloop.demo.truth import check
from revloop.trajectory import StopReason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.trajectory import Trajectory

_OF_NO_USE = {StopReason.UNPARSEABLE, StopReason.TOKEN_LIMIT}


class RoundFigures(NamedTuple):
    """All drafts after one round.

    Attributes:
        round: 0 stands for the responses that came in.
        fault_free: Share of drafts without any fault, from 0 to 1.
        mean_faults: Faults a draft.
        unharmed: Share of the drafts that came without a fault and still have none; None where
            none came so.
    """

    round: int
    fault_free: float
    mean_faults: float
    unharmed: float | None


def fault_counts(trajectory: Trajectory, rounds: int) -> list[int]:
    """The number of faults of the version that stood after each round, version 0 first.

    A trajectory that ended early keeps what stood then for the rounds that were saved.
    """
    prompt, done = trajectory.draft.prompt or "", min(rounds, trajectory.rounds)
    stood = [trajectory.versions[trajectory.kept_after(round_)] for round_ in range(done + 1)]
    known = [judge(prompt, version.text).count for version in stood]
    return known + known[-1:] * (rounds + 1 - len(known))


def round_figures(trajectories: Sequence[Trajectory], rounds: int) -> list[RoundFigures]:
    """The figures after each round, from round 0 on.

    Raises:
        ValueError: There is no trajectory, or one whose prompt is not of the demo's domain.
    """
    if not trajectories:
        raise ValueError("there is no trajectory to count")
    counts = [fault_counts(trajectory, rounds) for trajectory in trajectories]
    return [_figures_of(round_, counts) for round_ in range(rounds + 1)]


def critique_statements(trajectories: Sequence[Trajectory]) -> tuple[int, int]:
    """How many checkable statements the critiques make, and how many of them are true."""
    made = true = 0
    for trajectory in trajectories:
        prompt = trajectory.draft.prompt or ""
        for version in trajectory.versions[1:]:
            if version.critique is not None:
                before = trajectory.base_of(version)
                statements = check(prompt, before.text, version.critique.raw)
                made += len(statements)
                true += sum(statement.is_true for statement in statements)
    return made, true


def useless_requests(trajectories: Sequence[Trajectory]) -> tuple[int, int]:
    """How many requests gave text that was cut off or could not be parsed, and all requests."""
    steps = [step for trajectory in trajectories for step in trajectory.steps]
    asked_again = sum(step.attempt > 1 for step in steps)
    given_up = sum(t.end is not None and t.end.reason in _OF_NO_USE for t in trajectories)
    return asked_again + given_up, len(steps)


def _figures_of(round_: int, counts: Sequence[Sequence[int]]) -> RoundFigures:
    before, after = [row[0] for row in counts], [row[round_] for row in counts]
    good = [now for then, now in zip(before, after, strict=True) if then == 0]
    return RoundFigures(
        round=round_,
        fault_free=after.count(0) / len(after),
        mean_faults=sum(after) / len(after),
        unharmed=good.count(0) / len(good) if good else None,
    )
