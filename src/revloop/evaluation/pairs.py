"""Which texts of a trajectory are compared with which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from revloop.evaluation.verdicts import Question

if TYPE_CHECKING:
    from collections.abc import Iterator

    from revloop.trajectory import Trajectory

Against = Literal["original", "previous"]


class Pair(NamedTuple):
    """The outcome of a round, and what it is compared with.

    Attributes:
        against: The response that came in, or the outcome of the round before.
        round: The round, from 1.
        question: The texts, the earlier one first.
    """

    against: Against
    round: int
    question: Question

    @property
    def is_unchanged(self) -> bool:
        """Whether the two texts are the same, so that there is nothing to be judged: a tie."""
        return self.question.first == self.question.second


def outcome_of(trajectory: Trajectory, round_: int) -> str | None:
    """The text that a trajectory stands at after a round: the one that would be kept there.

    A trajectory that ended early, because nothing new was to be expected, stands where it ended in
    all later rounds: so the five rounds of arXiv 2311.14543 are counted.

    Returns:
        None where the round is missing: the trajectory failed, or was not asked for so many.
    """
    if round_ <= trajectory.rounds:
        return trajectory.versions[trajectory.kept_after(round_)].text
    ended_early = trajectory.end is not None and trajectory.end.reason.is_early_stop
    return trajectory.kept_text if ended_early else None


def pairs_of(trajectory: Trajectory, rounds: int, against: frozenset[Against]) -> Iterator[Pair]:
    """The pairs of a trajectory up to a round, in order; missing rounds have none."""
    prompt = trajectory.draft.prompt_text
    for round_ in range(1, rounds + 1):
        now = outcome_of(trajectory, round_)
        if now is None:
            return
        if "original" in against:
            yield Pair("original", round_, Question(prompt, trajectory.original, now))
        before = outcome_of(trajectory, round_ - 1)
        if "previous" in against and before is not None:
            yield Pair("previous", round_, Question(prompt, before, now))
