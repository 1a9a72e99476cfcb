"""One trajectory as it grows: in memory, and in the store if there is one."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from anyio import to_thread

from revloop.trajectory import End, Trajectory, Version

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from revloop.loop import Rounds
    from revloop.store import Entry, Pending, Store
    from revloop.trajectory import Draft


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

    def is_settled(self, iterations: int, *, again: bool) -> bool:
        """Whether there is nothing to do for it to have so many rounds, or none would come of it.

        Args:
            iterations: Rounds in all.
            again: Whether to try again where it ended for a reason that is most likely to stand.
        """
        if self.end is None or not self.end.reason.is_failure:
            return self.end is not None and len(self.versions) > iterations
        return len(self.versions) > iterations or not (again or self.end.reason.may_pass)

    async def append(self, version: Version) -> Sequence[Version]:
        """Add a version; it is on disk when this returns.

        Returns:
            What is new here: the version, or, where another writer of the store was first with one
            of this round, that one and all that has followed on it.
        """
        news: Sequence[Version] = (version,)
        store, entry = self.store, self.entry
        if store is not None and entry is not None and not await store.add(entry, version):
            news = (await to_thread.run_sync(store.versions, entry))[len(self.versions) :]
        self.versions += news
        self.end = None
        return news

    async def follow(
        self, rounds: Rounds, iterations: int, on_version: Callable[[Version], None] | None
    ) -> bool:
        """Do rounds to their end, and keep what they make.

        Args:
            rounds: They begin where this journal ends.
            iterations: Rounds in all.
            on_version: Called with each new version, once it is stored.

        Returns:
            False where another writer of the store was first with a round: what that one has
            stored is then in the journal, to be gone on from.
        """
        async with aclosing(aiter(rounds)) as versions:
            async for version in versions:
                news = await self.append(version)
                for one in news:
                    if on_version is not None and one.round <= iterations:
                        on_version(one)
                if news[0] is not version:
                    return False
        if rounds.end is not None and len(self.versions) <= iterations + 1:
            await self.finish(rounds.end)
        return True

    async def finish(self, end: End) -> None:
        """Set the end; it is on disk when this returns."""
        self.end = end
        if self.store is not None and self.entry is not None:
            rounds = self.versions[-1].round
            await self.store.finished(self.entry, end, rounds=rounds)

    def trajectory(self) -> Trajectory:
        """What there is so far."""
        versions = tuple(self.versions)
        return Trajectory(id=self.trajectory_id, draft=self.draft, versions=versions, end=self.end)
