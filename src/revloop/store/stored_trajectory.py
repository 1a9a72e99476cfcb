"""A trajectory under way in a store."""

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
    """A trajectory in a store: versions and ends are on disk when the call that adds them returns.

    Attributes:
        key: Its key in the store.
        commits: Writes to the store.
    """

    key: int
    commits: GroupCommits = field(repr=False)

    async def append(self, version: Version) -> Sequence[Version]:
        """Commit a version, together with those of other tasks.

        If another writer was first with this round, its versions are adopted instead.

        Raises:
            StoreError: It could not be committed.
        """
        if await self.commits.add(Addition(self.key, version, version.round)):
            return self._extend([version])
        stored = await to_thread.run_sync(versions_of, self.commits.file, self.key)
        return self._extend(stored[len(self.versions) :])

    async def finish(self, end: End) -> None:
        """Commit the end, unless another writer has added rounds meanwhile.

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
    """The end in its stored form."""
    return None if ending is None else End.model_validate_json(ending)
