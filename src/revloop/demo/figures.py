"""The effect of revision rounds on demo messages, by the exact judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from revloop.demo.judge import judge
from revloop.demo.truth import check
from revloop.trajectory import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.trajectory import Trajectory


class DemoRoundFigures(NamedTuple):
    """All drafts after one round.

    Attributes:
        round: 0 for the original responses.
        wins: Drafts with fewer faults than originally.
        ties: Drafts with as many.
        losses: Drafts with more.
        fault_free: Share of drafts without faults, from 0 to 1.
        mean_faults: Mean faults of a draft.
        unharmed: Share of the originally fault-free drafts that still are; None if there were
            none.
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

        The paper asks its judge in both orders. The exact judge counts faults in each text
        separately, so one verdict is enough.
        """
        return Tally(self.wins, self.ties, self.losses).win_rate


def fault_counts(trajectory: Trajectory, rounds: int) -> list[int]:
    """Faults of the version kept after each round, version 0 first.

    A trajectory that ended early keeps its last version for the remaining rounds.
    """
    prompt, done = trajectory.draft.prompt or "", min(rounds, trajectory.rounds)
    kept = [trajectory.versions[trajectory.kept_after(round_)] for round_ in range(done + 1)]
    known = [judge(prompt, version.text).count for version in kept]
    return known + known[-1:] * (rounds + 1 - len(known))


def round_figures(trajectories: Sequence[Trajectory], rounds: int) -> list[DemoRoundFigures]:
    """The figures after each round, from round 0 on.

    Raises:
        ValueError: There are no trajectories, or a prompt is not of the demo's domain.
    """
    if not trajectories:
        raise ValueError("there are no trajectories")
    counts = [fault_counts(trajectory, rounds) for trajectory in trajectories]
    return [_figures_of(round_, counts) for round_ in range(rounds + 1)]


def critique_statements(trajectories: Sequence[Trajectory]) -> tuple[int, int]:
    """The number of checkable statements in the critiques, and of true ones."""
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


def unusable_replies(trajectories: Sequence[Trajectory]) -> tuple[int, int]:
    """The number of requests with a truncated or unparseable reply, and of all requests."""
    steps = [step for trajectory in trajectories for step in trajectory.steps]
    return sum(step.refusal is not None for step in steps), len(steps)


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
