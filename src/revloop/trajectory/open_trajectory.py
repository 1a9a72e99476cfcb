"""A trajectory under way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from revloop.trajectory.trajectory import End, Trajectory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.trajectory.draft import Draft
    from revloop.trajectory.version import Version


@dataclass
class OpenTrajectory:
    """A draft, its versions so far, and why its rounds ended, if they did.

    This one is kept in memory; :class:`~revloop.store.StoredTrajectory` is kept in a store.

    Attributes:
        id: The trajectory's id.
        draft: What is revised.
        versions: Version 0 first; empty before the first round.
        end: Why the rounds ended; None while some are left.
    """

    id: str
    draft: Draft
    versions: list[Version] = field(default_factory=list)
    end: End | None = None

    @property
    def rounds(self) -> int:
        """Number of rounds done."""
        return self.versions[-1].round if self.versions else 0

    def is_settled(self, iterations: int, *, retry: bool) -> bool:
        """Whether no round is left to do.

        Args:
            iterations: Rounds in all.
            retry: Whether to retry after a failure that is likely to recur.
        """
        if self.end is None or not self.end.reason.is_failure:
            return self.end is not None and self.rounds >= iterations
        return self.rounds >= iterations or not (retry or self.end.reason.may_pass)

    async def append(self, version: Version) -> Sequence[Version]:
        """Add a version; the end, if any, is removed.

        Returns:
            The new versions: this one, or those that another writer stored first.
        """
        return self._extend([version])

    async def finish(self, end: End) -> None:
        """Set the end."""
        self.end = end

    def snapshot(self) -> Trajectory:
        """The trajectory as it is now."""
        versions = tuple(self.versions)
        return Trajectory(id=self.id, draft=self.draft, versions=versions, end=self.end)

    def _extend(self, news: Sequence[Version]) -> Sequence[Version]:
        self.versions += news
        self.end = None
        return news
