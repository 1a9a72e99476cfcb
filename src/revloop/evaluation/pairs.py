"""Which texts of a trajectory are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from revloop.evaluation.verdicts import Question

if TYPE_CHECKING:
    from collections.abc import Iterator

    from revloop.trajectory import Trajectory, Version

Against = Literal["original", "previous"]

ORIGINAL: frozenset[Against] = frozenset({"original"})
BOTH: frozenset[Against] = frozenset({"original", "previous"})


class Pair(NamedTuple):
    """A round's text and the text that it is compared with.

    Attributes:
        against: Compared with the original response, or with the previous round.
        round: The round, from 1.
        question: The texts, the earlier one first.
    """

    against: Against
    round: int
    question: Question

    @property
    def is_unchanged(self) -> bool:
        """Whether the two texts are the same: a tie that needs no judge."""
        return self.question.first == self.question.second


def version_after(trajectory: Trajectory, round_: int) -> Version | None:
    """The version that a trajectory keeps after a round.

    A trajectory that stopped early, because no further change was expected, keeps its last version
    in all later rounds, as the five rounds of arXiv 2311.14543 are counted.

    Returns:
        None if there is no such round: the trajectory failed, or fewer rounds were requested.
    """
    if round_ <= trajectory.rounds:
        return trajectory.versions[trajectory.kept_after(round_)]
    stopped_early = trajectory.end is not None and trajectory.end.reason.is_early_stop
    return trajectory.versions[trajectory.kept] if stopped_early else None


def text_after(trajectory: Trajectory, round_: int) -> str | None:
    """The text of the version that a trajectory keeps after a round; None without one."""
    version = version_after(trajectory, round_)
    return None if version is None else version.text


def pairs_of(trajectory: Trajectory, rounds: int, against: frozenset[Against]) -> Iterator[Pair]:
    """The pairs of a trajectory up to a round, in order."""
    prompt, fields = trajectory.draft.prompt_text, trajectory.draft.extra
    for round_ in range(1, rounds + 1):
        later = text_after(trajectory, round_)
        if later is None:
            return
        if "original" in against:
            yield Pair("original", round_, Question(prompt, trajectory.original, later, fields))
        before = text_after(trajectory, round_ - 1)
        if "previous" in against and before is not None:
            yield Pair("previous", round_, Question(prompt, before, later, fields))
