"""Versions and ends committed to a store by tests that are not asynchronous."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.store.commits import Addition, add_all

if TYPE_CHECKING:
    from revloop.store import StoredTrajectory
    from revloop.trajectory import End, Version


def append(trajectory: StoredTrajectory, version: Version) -> None:
    """Commit a version, unless the store has one of its round."""
    if add_all(trajectory.commits.file, [Addition(trajectory.key, version, version.round)])[0]:
        trajectory.versions.append(version)


def finish(trajectory: StoredTrajectory, end: End) -> None:
    """Commit the reason why a trajectory ended."""
    add_all(trajectory.commits.file, [Addition(trajectory.key, end, trajectory.rounds)])
    trajectory.end = end
