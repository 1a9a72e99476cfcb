"""What rounds of revision did to demo messages, by the exact judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from revloop.demo.judge import judge
from revloop.demo.truth import check
from revloop.trajectory import StopReason, Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.trajectory import Trajectory

_OF_NO_USE = {StopReason.UNPARSEABLE, StopReason.TOKEN_LIMIT}


class DemoRoundFigures(NamedTuple):
    """All drafts after one round.

    Attributes:
        round: 0 stands for the responses that came in.
        wins: Drafts with fewer faults than they came with.
        ties: Drafts with as many.
        losses: Drafts with more.
        fault_free: Share of drafts without any fault, from 0 to 1.
        mean_faults: Faults a draft.
        unharmed: Share of the drafts that came without a fault and still have none; None where
            none came so.
    """

    round: int
    wins: int
    ties: int
    losses: int
    fault_free: float
    mean_faults: float
    unharmed: float | None

    @property
    def win_rate(self) -> float | None:
        """(wins + ties / 2) / verdicts: see :class:`~revloop.trajectory.Tally`.

        The paper asks its judge in both orders. The exact judge counts faults in each text alone,
        so the order cannot matter, and one verdict stands for both.
        """
        return Tally(self.wins, self.ties, self.losses).win_rate


def fault_counts(trajectory: Trajectory, rounds: int) -> list[int]:
    """The number of faults of the version that stood after each round, version 0 first.

    A trajectory that ended early keeps what stood then for the rounds that were saved.
    """
    prompt, done = trajectory.draft.prompt or "", min(rounds, trajectory.rounds)
    stood = [trajectory.versions[trajectory.kept_after(round_)] for round_ in range(done + 1)]
    known = [judge(prompt, version.text).count for version in stood]
    return known + known[-1:] * (rounds + 1 - len(known))


def round_figures(trajectories: Sequence[Trajectory], rounds: int) -> list[DemoRoundFigures]:
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


def _figures_of(round_: int, counts: Sequence[Sequence[int]]) -> DemoRoundFigures:
    before, after = [row[0] for row in counts], [row[round_] for row in counts]
    pairs = list(zip(before, after, strict=True))
    good = [now for then, now in pairs if then == 0]
    return DemoRoundFigures(
        round=round_,
        wins=sum(now < then for then, now in pairs),
        ties=sum(now == then for then, now in pairs),
        losses=sum(now > then for then, now in pairs),
        fault_free=after.count(0) / len(after),
        mean_faults=sum(after) / len(after),
        unharmed=good.count(0) / len(good) if good else None,
    )
