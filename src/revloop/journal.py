"""One trajectory as it grows: in memory, and in the store if there is one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from revloop.trajectory import End, StopReason, Trajectory, Version

if TYPE_CHECKING:
    from revloop.draft import Draft
    from revloop.store import Entry, Pending, Store

_MAY_HEAL = {StopReason.ENGINE_FAILED, StopReason.JUDGE_FAILED, StopReason.REJECTED}
"""What a server did may be different the next time."""


@dataclass(slots=True)
class Journal:
    """A draft, the versions that were made of it so far, and where they are kept."""

    trajectory_id: str
    draft: Draft
    versions: list[Version]
    end: End | None = None
    store: Store | None = None
    entry: Entry | None = None

    @classmethod
    def of(cls, store: Store | None, pending: Pending) -> Self:
        """The journal of a trajectory that was begun before; without a store, in memory only."""
        entry = pending.entry
        versions = list(entry.versions)
        return cls(entry.trajectory_id, pending.draft, versions, entry.end, store, entry)

    @property
    def is_settled(self) -> bool:
        """Whether it ended for a reason that asking again would not change."""
        if self.end is None or not self.end.reason.is_failure:
            return False
        return self.end.reason not in _MAY_HEAL

    async def append(self, version: Version) -> None:
        """Add a version; it is on disk when this returns."""
        if self.store is not None and self.entry is not None:
            await self.store.add(self.entry, version)
        self.versions.append(version)

    async def finish(self, end: End | None, *, rounds: int) -> Trajectory:
        """Set the end; a stored trajectory that has more rounds than asked for keeps its own."""
        if len(self.versions) > rounds + 1:
            return replace(self, versions=self.versions[: rounds + 1], end=end).trajectory()
        self.end = end
        if self.store is not None and self.entry is not None and end is not None:
            await self.store.add(self.entry, end)
        return self.trajectory()

    def trajectory(self) -> Trajectory:
        """What there is so far."""
        versions = tuple(self.versions)
        return Trajectory(id=self.trajectory_id, draft=self.draft, versions=versions, end=self.end)
