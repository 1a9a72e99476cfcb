"""Checks: programs that say whether a text does what its user asks of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Protocol, runtime_checkable

from pydantic import Field

from revloop.values import AnyText, Frozen, Text

if TYPE_CHECKING:
    from revloop.trajectory.draft import Draft


class Span(Frozen):
    """A passage of a text."""

    start: Annotated[int, Field(ge=0)] = Field(description="Its first character, from 0.")
    end: Annotated[int, Field(ge=0)] = Field(description="The character after its last one.")


class Check(Frozen):
    """What a check found in one text."""

    passed: bool | None = Field(
        description="None if the check itself failed: it raised an error, or took too long."
    )
    message: Text = Field(
        default="", description="What is wrong, as a sentence for the critic; empty if it passed."
    )
    name: AnyText = Field(default="", description="The check's name; filled in for a function's.")
    score: float | None = Field(default=None, description="On the check's own scale.")
    spans: tuple[Span, ...] = Field(default=(), description="Where it is wrong.")


class CheckInfo(Frozen):
    """Which check it was."""

    name: AnyText
    digest: str = Field(
        description="Changes with everything that decides what it finds: checks with the same "
        "digest are interchangeable."
    )


class Veto(Frozen):
    """Why a version is not kept although no judge preferred another: it breaks checks."""

    incumbent: Annotated[int, Field(ge=0)] = Field(description="Round of the version kept instead.")
    checks: tuple[AnyText, ...] = Field(
        min_length=1, description="Names of the checks that the kept version passes and this fails."
    )


@runtime_checkable
class Checker(Protocol):
    """Checks texts. Any number of ``check`` calls may run concurrently."""

    @property
    def info(self) -> CheckInfo:
        """Name and digest, for the record."""
        ...

    async def check(self, draft: Draft, text: str) -> Check:
        """Check a text.

        Args:
            draft: What is revised.
            text: Its response, or a later version.

        Raises:
            Exception: The check failed; its caller makes a result with ``passed=None`` of that.
        """
        ...

    async def aclose(self) -> None:
        """Release what it holds. Calling it twice is harmless."""
        ...


def broken(before: tuple[Check, ...], after: tuple[Check, ...]) -> tuple[str, ...]:
    """The names of the checks that one text passes and a later one fails."""
    passed = {check.name for check in before if check.passed}
    return tuple(check.name for check in after if check.passed is False and check.name in passed)
