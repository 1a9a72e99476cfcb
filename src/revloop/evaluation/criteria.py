"""Criteria of rubrics: how many records meet each of them, round by round."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from pydantic import Field

from revloop.evaluation.figures import wilson_interval
from revloop.values import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from revloop.trajectory import Criterion, Trajectory

ALL = "all of a record's criteria"
"""Stands for the criteria of a record together: met if each of them is."""

_MOST_COUNTED = 1_000
_MOST_SHOWN = 20


class CriterionFigures(Frozen):
    """How many records meet a criterion after a round, as the critic scored them."""

    name: str = Field(description="The criterion, or all criteria of a record together.")
    round: int = Field(description="0: the original responses.")
    records: int = Field(
        description="Records whose text of this round was scored, by a critique of a later round."
    )
    met: int = Field(description="Records that meet it.")
    share: float = Field(description="Of the records.")
    share_low: float = Field(description="Lower end of the 95% interval (Wilson's).")
    share_high: float = Field(description="Upper end of the 95% interval.")


def criteria_after(trajectory: Trajectory, round_: int) -> tuple[Criterion, ...]:
    """The scored criteria of the text that a trajectory keeps after a round.

    They stand in the critique that led to the next version; a version that changed nothing has
    those of its own critique. A trajectory that stopped early keeps its last ones.

    Returns:
        Empty if nobody scored that text: it is that of the last round, or there is no such round.
    """
    if round_ > trajectory.rounds:
        stopped_early = trajectory.end is not None and trajectory.end.reason.is_early_stop
        return criteria_after(trajectory, trajectory.rounds) if stopped_early else ()
    kept = trajectory.kept_after(round_)
    for version in trajectory.versions[1:]:
        base = trajectory.base_of(version)
        is_about_it = base.round == kept or (version.round == kept and version.text == base.text)
        if is_about_it and version.critique is not None and version.critique.criteria:
            return version.critique.criteria
    return ()


def criteria_of(trajectories: Iterable[Trajectory], rounds: int) -> tuple[CriterionFigures, ...]:
    """The figures of all criteria together, then of the most frequent ones, round by round.

    The last round is left out: of its texts, only those of trajectories that stopped early are
    scored.

    Args:
        trajectories: The records.
        rounds: Number of rounds.

    Raises:
        MissingExtraError: The statistics libraries are not installed.
    """
    records: dict[str, Counter[int]] = defaultdict(Counter)
    met: dict[str, Counter[int]] = defaultdict(Counter)
    for trajectory in trajectories:
        for round_ in range(rounds):
            found = criteria_after(trajectory, round_)
            if not found:
                continue
            results = {one.name: one.met for one in found}
            for name, is_met in (*results.items(), (ALL, all(results.values()))):
                if name in records or name == ALL or len(records) <= _MOST_COUNTED:
                    records[name][round_] += 1
                    met[name][round_] += is_met
    names = sorted(records.keys() - {ALL}, key=lambda name: (-records[name].total(), name))
    shown = [*([ALL] if records else []), *names[:_MOST_SHOWN]]
    return tuple(
        _figures(name, round_, records[name][round_], met[name][round_])
        for name in shown
        for round_ in sorted(records[name])
    )


def _figures(name: str, round_: int, records: int, met: int) -> CriterionFigures:
    low, high = wilson_interval(met, records)
    return CriterionFigures(
        name=name,
        round=round_,
        records=records,
        met=met,
        share=met / records,
        share_low=low,
        share_high=high,
    )
