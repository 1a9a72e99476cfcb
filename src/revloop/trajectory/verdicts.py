"""Verdicts on two texts, and the protocol of judges.

A judge compares each pair in both orders, because of position bias (as in arXiv 2311.14543). The
two verdicts are kept apart, never merged.
"""

from __future__ import annotations

from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    NamedTuple,
    Protocol,
    cast,
    runtime_checkable,
)

from pydantic import Field, model_serializer

from revloop.trajectory.spending import ModelUsage
from revloop.values import AnyText, Frozen, Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import SerializerFunctionWrapHandler

Preference = Literal["first", "second", "tie", "unparseable"]
JudgeKind = Literal["model", "function", "reward", "people"]


class Verdict(Frozen):
    """A judge's verdict on two texts in one order."""

    preference: Preference = Field(
        description="The better text, in the order shown to the judge. 'unparseable' is no "
        "verdict, and not a tie."
    )
    reason: AnyText | None = Field(default=None, description="The reason, if the judge gives one.")
    raw: Text | None = Field(
        default=None, description="The judge's raw text; None if it gave none."
    )
    tries: Annotated[int, Field(ge=1)] = Field(
        default=1, description="Requests until the verdict could be parsed."
    )
    spent: ModelUsage | None = Field(
        default=None, description="What a model that judges took; None for any other judge."
    )


class JudgeInfo(Frozen):
    """Which judge gave a verdict."""

    kind: JudgeKind
    name: AnyText = Field(description="The user's name for it.")
    digest: str = Field(
        description="Changes with everything that decides its verdicts: judges with the same "
        "digest are interchangeable."
    )
    fields: tuple[str, ...] = Field(
        default=(), description="Names of the draft's fields that it is told, in order."
    )

    @model_serializer(mode="wrap")
    def _as_before_without_fields(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out fields that there are not, so that the digests of older runs stay."""
        written: dict[str, Any] = serialize(self)
        return {name: value for name, value in written.items() if name != "fields" or value}

    def seen_in(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Those of a draft's fields that the judge is told."""
        return {name: fields[name] for name in self.fields if fields.get(name) is not None}


class Tally(NamedTuple):
    """Counts of verdicts on later versions."""

    wins: int
    ties: int
    losses: int

    @property
    def verdicts(self) -> int:
        """All verdicts that could be parsed."""
        return sum(self)

    @property
    def win_rate(self) -> float | None:
        """(wins + ties / 2) / verdicts, as in arXiv 2311.14543; None without a verdict."""
        return (self.wins + self.ties / 2) / self.verdicts if self.verdicts else None


@runtime_checkable
class Judge(Protocol):
    """Compares two texts. Any number of ``judge`` calls may run concurrently."""

    @property
    def info(self) -> JudgeInfo:
        """Kind, name and digest, for the record."""
        ...

    async def judge(self, prompt: str, first: str, second: str) -> Verdict:
        """Which of two texts answers a prompt better, in this order.

        Args:
            prompt: What the texts answer; empty if unknown.
            first: The text shown first.
            second: The text shown second.

        Raises:
            RevloopError: The judge failed.
        """
        ...

    async def aclose(self) -> None:
        """Release connections and memory. Calling it twice is harmless."""
        ...


class FieldJudge(Judge, Protocol):
    """A judge that is told fields of the draft: ``info.fields`` names them."""

    async def judge(
        self, prompt: str, first: str, second: str, *, fields: Mapping[str, Any] | None = None
    ) -> Verdict:
        """Which of two texts answers a prompt better, in this order.

        Args:
            prompt: What the texts answer; empty if unknown.
            first: The text shown first.
            second: The text shown second.
            fields: Those of the draft's fields that ``info.fields`` names, if it has them.
        """
        ...


class _ToldJudge:
    """A judge that is told the fields of one draft."""

    def __init__(self, judge: FieldJudge, fields: Mapping[str, Any]) -> None:
        self._judge = judge
        self._fields = fields

    @property
    def info(self) -> JudgeInfo:
        """The judge's own."""
        return self._judge.info

    async def judge(self, prompt: str, first: str, second: str) -> Verdict:
        """Which text is better, in this order."""
        return await self._judge.judge(prompt, first, second, fields=self._fields)

    async def aclose(self) -> None:
        """Close the judge."""
        await self._judge.aclose()


def told(judge: Judge, fields: Mapping[str, Any]) -> Judge:
    """A judge that is told those of a draft's fields that it names; itself if it names none."""
    if not judge.info.fields:
        return judge
    return _ToldJudge(cast("FieldJudge", judge), judge.info.seen_in(fields))


@runtime_checkable
class ReadsAhead(Protocol):
    """A judge that is faster if it knows all texts before it compares them."""

    async def read_ahead(self, prompt: str, texts: Sequence[str]) -> None:
        """Prepare for comparing texts.

        Args:
            prompt: What the texts answer; empty if unknown.
            texts: The texts.

        Raises:
            RevloopError: The judge failed.
        """
        ...


def challenger_score(verdict: Verdict, *, challenger_first: bool) -> float | None:
    """1 if the challenger won, 0.5 for a tie, 0 if it lost; None if unparseable."""
    if verdict.preference == "unparseable":
        return None
    if verdict.preference == "tie":
        return 0.5
    return float((verdict.preference == "first") == challenger_first)
