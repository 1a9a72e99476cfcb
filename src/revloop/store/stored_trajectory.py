"""A trajectory under way in a store, and what is read of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anyio import to_thread

from revloop.store.commits import Addition
from revloop.store.file import readable
from revloop.trajectory import End, OpenTrajectory, Version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.store.commits import GroupCommits
    from revloop.store.file import StoreFile


@dataclass(kw_only=True)
class StoredTrajectory(OpenTrajectory):
    """A trajectory in a store: whatever is added is on disk when the call returns.

    Attributes:
        key: Its key in the store.
        commits: What writes to the store.
    """

    key: int
    commits: GroupCommits = field(repr=False)

    async def append(self, version: Version) -> Sequence[Version]:
        """Commit a version, together with what other tasks commit at the same time.

        Where another writer was first with this round, its versions are taken over, and this one
        is dropped.

        Raises:
            StoreError: It could not be committed.
        """
        if await self.commits.add(Addition(self.key, version, version.round)):
            return self._extend([version])
        stored = await to_thread.run_sync(versions_of, self.commits.file, self.key)
        return self._extend(stored[len(self.versions) :])

    async def finish(self, end: End) -> None:
        """Commit the end; in the store it is dropped where another writer went on meanwhile.

        Raises:
            StoreError: It could not be committed.
        """
        await self.commits.add(Addition(self.key, end, self.rounds))
        self.end = end


def versions_of(file: StoreFile, key: int) -> list[Version]:
    """The versions of a trajectory, version 0 first."""
    sql = "SELECT version FROM versions WHERE trajectory = ? ORDER BY round"
    with readable(file.path):
        return [Version.model_validate_json(text) for (text,) in file.rows(sql, (key,))]


def end_in(ending: str | None) -> End | None:
    """The end in a stored text."""
    return None if ending is None else End.model_validate_json(ending)
