"""Comparisons of two texts by one judge or by a panel, and which text they keep.

In doubt the incumbent stays: a judge prefers the challenger only if it wins in at least one order
and loses in none, and a panel only if more than half of all its judges do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from revloop.trajectory.checks import Check
from revloop.trajectory.verdicts import Verdict, challenger_score
from revloop.values import AnyText, Frozen, Text

if TYPE_CHECKING:
    from revloop.trajectory.spending import ModelUsage
    from revloop.trajectory.verdicts import Judge

BothOrders = Annotated[
    tuple[Verdict, Verdict],
    Field(description="With the incumbent first, then with the challenger first."),
]


_RESULTS = {1.0: "won", 0.5: "tie", 0.0: "lost", None: "unreadable"}


class _Pair(Frozen):
    """Which versions were compared."""

    incumbent: Annotated[int, Field(ge=0)] = Field(
        description="Round of the version that was kept until then."
    )
    challenger: Annotated[int, Field(ge=0)] = Field(description="Round of the later version.")


class Comparison(_Pair):
    """A judge's comparison of two versions of one response, in both orders."""

    verdicts: BothOrders

    @property
    def scores(self) -> tuple[float | None, ...]:
        """1 where the challenger won, 0.5 for a tie, 0 where it lost; None if unreadable."""
        return _scores(self.verdicts)

    @property
    def spent(self) -> tuple[ModelUsage, ...]:
        """What the judge took, if it is a model."""
        return _spent(self.verdicts)

    @property
    def winner(self) -> int:
        """The round of the version that is kept.

        The challenger wins if it is preferred in at least one order and loses in none. Where the
        judge contradicts itself, or both verdicts are unparseable, the incumbent wins.
        """
        return self.challenger if prefers_challenger(self.verdicts) else self.incumbent


class Vote(Frozen):
    """What one judge of a panel said about two versions, in both orders."""

    judge: AnyText = Field(description="The judge's name.")
    digest: str = Field(description="The judge's digest.")
    verdicts: BothOrders

    @property
    def scores(self) -> tuple[float | None, float | None]:
        """1 where the challenger won, 0.5 for a tie, 0 where it lost; None if unreadable."""
        return _scores(self.verdicts)

    @property
    def is_for_challenger(self) -> bool | None:
        """Whether the judge prefers the challenger; None if it abstains: no verdict is readable."""
        return prefers_challenger(self.verdicts)


class PanelComparison(_Pair):
    """A panel's comparison of two versions of one response: each judge in both orders."""

    votes: tuple[Vote, ...] = Field(min_length=2, description="By judge, in the panel's order.")

    @property
    def scores(self) -> tuple[float | None, ...]:
        """What the verdicts of all judges give the challenger: see :class:`Comparison`."""
        return tuple(score for vote in self.votes for score in vote.scores)

    @property
    def spent(self) -> tuple[ModelUsage, ...]:
        """What those judges took that are models."""
        return tuple(spent for vote in self.votes for spent in _spent(vote.verdicts))

    @property
    def votes_for_challenger(self) -> int:
        """Number of judges that prefer the challenger."""
        return sum(vote.is_for_challenger is True for vote in self.votes)

    @property
    def abstaining(self) -> tuple[str, ...]:
        """The judges without a readable verdict, by name."""
        return tuple(vote.judge for vote in self.votes if vote.is_for_challenger is None)

    @property
    def winner(self) -> int:
        """The round of the version that is kept.

        The challenger wins if more than half of all judges prefer it. A judge that abstains counts
        among all, so abstentions favour the incumbent.
        """
        wins = 2 * self.votes_for_challenger > len(self.votes)
        return self.challenger if wins else self.incumbent


class OtherCandidate(Frozen):
    """A revision of a round that was not selected."""

    text: Text
    critique: Text | None = Field(
        default=None, description="Its raw critique; None if all candidates share one."
    )
    checks: tuple[Check, ...] = Field(default=(), description="What the checks found in it.")


class Selection(Frozen):
    """How one of several candidate revisions of a round was selected."""

    chosen: Annotated[int, Field(ge=0)] = Field(description="The candidate's number, from 0.")
    others: tuple[OtherCandidate, ...] = Field(description="The other candidates, in order.")
    scores: tuple[float | None, ...] = Field(
        default=(), description="The critic's score of each candidate; empty if a judge chose."
    )
    comparisons: tuple[Comparison | PanelComparison, ...] = Field(
        default=(),
        description="By the judge or the panel; candidate numbers stand in for rounds.",
    )


def _spent(verdicts: tuple[Verdict, Verdict]) -> tuple[ModelUsage, ...]:
    return tuple(verdict.spent for verdict in verdicts if verdict.spent is not None)


def prefers_challenger(verdicts: tuple[Verdict, Verdict]) -> bool | None:
    """Whether a judge prefers the challenger; None if it abstains: no verdict is readable.

    Args:
        verdicts: With the incumbent first, then with the challenger first.
    """
    known = [score for score in _scores(verdicts) if score is not None]
    if not known:
        return None
    return any(score == 1.0 for score in known) and all(score > 0.0 for score in known)


def results_of(verdicts: tuple[Verdict, Verdict]) -> tuple[str, str]:
    """What two verdicts say of the challenger: won, tie, lost or unreadable.

    Args:
        verdicts: With the incumbent first, then with the challenger first.
    """
    scores = _scores(verdicts)
    return _RESULTS[scores[0]], _RESULTS[scores[1]]


def _scores(verdicts: tuple[Verdict, Verdict]) -> tuple[float | None, float | None]:
    old_first, new_first = verdicts
    return (
        challenger_score(old_first, challenger_first=False),
        challenger_score(new_first, challenger_first=True),
    )


async def compare(
    judge: Judge, prompt: str, texts: tuple[str, str], rounds: tuple[int, int]
) -> Comparison:
    """Ask a judge about two versions in both orders.

    Args:
        judge: The judge.
        prompt: What the texts answer.
        texts: The incumbent and the challenger.
        rounds: Their rounds.
    """
    incumbent, challenger = texts
    verdicts = (
        await judge.judge(prompt, incumbent, challenger),
        await judge.judge(prompt, challenger, incumbent),
    )
    return Comparison(incumbent=rounds[0], challenger=rounds[1], verdicts=verdicts)
