"""Those who choose between texts: one judge, or a panel of several that vote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.concurrency import task_group
from revloop.errors import (
    ContextFullError,
    EngineGoneError,
    JudgeError,
    RejectedError,
    RevloopError,
    UnusableEngineError,
)
from revloop.trajectory import PanelComparison, ReadsAhead, Verdict, Vote, compare, told

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence
    from typing import Any, TypeVar

    from revloop.trajectory import Comparison, Judge

    Answer = TypeVar("Answer")

_ABOUT_THE_TEXTS = (RejectedError, ContextFullError)
"""Errors that other texts do not meet: one of several judges then abstains."""


class Panel:
    """One judge, or several that vote: each is asked in both orders, all side by side.

    A judge of several abstains if it was asked and gives no readable verdict: its server refuses
    these texts, for instance. A judge that cannot be asked at all is an error.

    Args:
        judges: At least one.
        role: What messages call a single one.
        one_of_many: Whether other trajectories need these judges too: an error that all of them
            would meet is then raised as EngineGoneError.
    """

    def __init__(
        self, judges: Sequence[Judge], *, role: str = "judge", one_of_many: bool = False
    ) -> None:
        self._judges = tuple(judges)
        self._role = role
        self._one_of_many = one_of_many

    def told(self, fields: Mapping[str, Any]) -> Panel:
        """The same judges, told those of a draft's fields that they name."""
        judges = [told(judge, fields) for judge in self._judges]
        return Panel(judges, role=self._role, one_of_many=self._one_of_many)

    async def read_ahead(self, prompt: str, texts: Sequence[str]) -> None:
        """Let the judges that are faster then prepare for comparing texts.

        Raises:
            EngineGoneError: A judge's server stays away.
            JudgeError: A judge failed otherwise.
        """

        async def prepare(judge: Judge, reader: ReadsAhead) -> None:
            try:
                await self._asked(judge, reader.read_ahead(prompt, texts))
            except _ABOUT_THE_TEXTS:
                return  # met again, and recorded, where the text is compared

        async with task_group() as tasks:
            for judge in self._judges:
                if isinstance(judge, ReadsAhead):
                    tasks.start_soon(prepare, judge, judge)

    async def compare(
        self, prompt: str, texts: tuple[str, str], rounds: tuple[int, int]
    ) -> Comparison | PanelComparison:
        """Compare two versions.

        Args:
            prompt: What the texts answer.
            texts: The incumbent and the challenger.
            rounds: Their rounds.

        Raises:
            EngineGoneError: A judge's server stays away.
            JudgeError: A judge failed otherwise.
        """
        if len(self._judges) == 1:
            judge = self._judges[0]
            return await self._asked(judge, compare(judge, prompt, texts, rounds))
        votes: dict[int, Vote] = {}

        async def vote(number: int, judge: Judge) -> None:
            try:
                verdicts = (
                    await self._asked(judge, compare(judge, prompt, texts, rounds))
                ).verdicts
            except _ABOUT_THE_TEXTS as exc:
                none = Verdict(preference="unparseable", reason=str(exc))
                verdicts = (none, none)
            info = judge.info
            votes[number] = Vote(judge=info.name, digest=info.digest, verdicts=verdicts)

        async with task_group() as tasks:
            for number, judge in enumerate(self._judges):
                tasks.start_soon(vote, number, judge)
        in_order = tuple(votes[number] for number in range(len(self._judges)))
        return PanelComparison(incumbent=rounds[0], challenger=rounds[1], votes=in_order)

    async def _asked(self, judge: Judge, answer: Awaitable[Answer]) -> Answer:
        """A judge's answer, with its errors as those of a judge."""
        is_alone = len(self._judges) == 1
        who = self._role if is_alone else f"{self._role} {judge.info.name}"
        try:
            return await answer
        except EngineGoneError as exc:
            raise EngineGoneError(f"The {who} cannot be asked: {exc}") from exc
        except _ABOUT_THE_TEXTS as exc:
            if not is_alone:
                raise
            raise JudgeError(f"the {who} failed: {exc}") from exc
        except RevloopError as exc:
            if self._one_of_many and isinstance(exc, UnusableEngineError):
                raise EngineGoneError(f"The {who} cannot be asked: {exc}") from exc
            raise JudgeError(f"the {who} failed: {exc}") from exc
