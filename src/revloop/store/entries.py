"""What is in a store, as values: a run, and a trajectory's place in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from revloop.store.file import readable
from revloop.trajectory import End, Trajectory, Version

if TYPE_CHECKING:
    from datetime import datetime

    from revloop.options import RunSettings
    from revloop.store.file import StoreFile
    from revloop.trajectory import Draft


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a store: trajectories made with the same settings.

    Attributes:
        id: 1 for the store's first run.
        settings: What its trajectories were made with.
        started_at: When it was begun, with its time zone.
    """

    id: int
    settings: RunSettings
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """A trajectory's place in the store, with what is there of it.

    Attributes:
        key: Its key in the store.
        trajectory_id: Its id, given when it was begun.
        versions: The versions so far, version 0 first; empty for one that was just begun.
        end: Why it ended, or None if it did not.
    """

    key: int
    trajectory_id: str
    versions: tuple[Version, ...] = ()
    end: End | None = None


def versions_of(file: StoreFile, key: int) -> tuple[Version, ...]:
    """The versions of a trajectory, version 0 first."""
    sql = "SELECT version FROM versions WHERE trajectory = ? ORDER BY round"
    with readable(file.path):
        return tuple(Version.model_validate_json(text) for (text,) in file.rows(sql, (key,)))


def end_in(ending: str | None) -> End | None:
    """The end in a stored text."""
    return None if ending is None else End.model_validate_json(ending)


def trajectory_of(
    id_: str, draft: Draft, versions: tuple[Version, ...], ending: str | None
) -> Trajectory:
    """A trajectory of its stored parts."""
    return Trajectory(id=id_, draft=draft, versions=versions, end=end_in(ending))
