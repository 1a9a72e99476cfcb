"""A check with another message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.trajectory import CheckInfo
from revloop.values import digest_of

if TYPE_CHECKING:
    from revloop.trajectory import Check, Checker, Draft


class RewordedChecker:
    """A check whose message is the user's own.

    Args:
        checker: The check; it keeps its own time.
        message: What the critic is told if a text fails it.
    """

    def __init__(self, checker: Checker, message: str) -> None:
        self._checker = checker
        self._message = message
        self.timeout_s = getattr(checker, "timeout_s", None)
        info = checker.info
        self.info = CheckInfo(name=info.name, digest=digest_of(info.digest, message))

    async def check(self, draft: Draft, text: str) -> Check:
        """Check a text. See :class:`~revloop.trajectory.Checker`."""
        found = await self._checker.check(draft, text)
        return (
            found.model_copy(update={"message": self._message}) if found.passed is False else found
        )

    async def aclose(self) -> None:
        """Close the check."""
        await self._checker.aclose()
