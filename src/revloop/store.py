"""The version store: one SQLite file that holds every version of every trajectory.

A version is committed (and synced to disk) before the call that adds it returns, so a process that
is killed loses at most the rounds in flight. Other processes may read while one writes (write-ahead
log, https://sqlite.org/wal.html).
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import ValidationError

from revloop.errors import InputError, RunMismatchError, StoreError
from revloop.settings import RunSettings
from revloop.trajectory import Draft, End, Trajectory, Version, explain

if TYPE_CHECKING:
    from collections.abc import Iterator

    Parameters = tuple[object, ...] | dict[str, object]

_APPLICATION_ID = 0x7265766C  # "revl": tells our files from other SQLite files
_SCHEMA_VERSION = 1
_BUSY_TIMEOUT_S = 30.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL,
    settings TEXT NOT NULL,
    started_at TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS trajectories (
    key INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (id),
    draft_id TEXT NOT NULL,
    id TEXT NOT NULL,
    draft TEXT NOT NULL,
    ending TEXT,
    UNIQUE (run, draft_id)
) STRICT;
CREATE TABLE IF NOT EXISTS versions (
    trajectory INTEGER NOT NULL REFERENCES trajectories (key),
    round INTEGER NOT NULL,
    version TEXT NOT NULL,
    UNIQUE (trajectory, round)
) STRICT;
"""

_ACTING_PARTS = """
SELECT 1 FROM sqlite_schema
WHERE type IN ('trigger', 'view') OR sql LIKE 'CREATE VIRTUAL%'
"""

# one statement, so that a trajectory that is being written is read as it is at one moment
_NEXT_TRAJECTORY = """
SELECT t.key, t.id, t.draft, t.ending, v.version
FROM trajectories t JOIN versions v ON v.trajectory = t.key
WHERE t.key = (
    SELECT min(key) FROM trajectories
    WHERE key > :after AND (:name IS NULL OR draft_id = :name OR id = :name)
    AND EXISTS (SELECT 1 FROM versions WHERE trajectory = trajectories.key)
)
ORDER BY v.round
"""


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


class Store:
    """An open store. Safe to use from several threads; make one with :meth:`open`."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self._connection = connection
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a store to read and write; make it if there is no file.

        Raises:
            StoreError: The file is no store, is of another version, or cannot be written.
        """
        path = Path(path)
        if not path.parent.is_dir():
            raise StoreError(f"{path} cannot be made: there is no folder {path.parent}.")
        with _translated(path):
            store = cls(_connect(path, "rwc"), path)
            try:
                store._prepare()
            except BaseException:
                store.close()
                raise
        return store

    @classmethod
    def open_to_read(cls, path: str | Path) -> Self:
        """Open a store that is there, to read only; another process may be writing to it.

        Raises:
            StoreError: There is no such file, or it is no store.
        """
        path = Path(path)
        if not path.is_file():
            raise StoreError(f"There is no store at {path}.")
        with _translated(path):
            store = cls(_connect(path, _mode_to_read(path)), path)
            try:
                store._check_identity()
            except BaseException:
                store.close()
                raise
        return store

    def begin_run(self, settings: RunSettings) -> Run:
        """The store's last run, if it has the same settings, or its first.

        Raises:
            RunMismatchError: The last run was made with other settings; the message lists them.
        """
        with self._lock, self._transaction():  # another process may begin one just now
            runs = self.runs() or [self._add_run(settings)]
        last = runs[-1]
        if last.settings.digest != settings.digest:
            different = "\n  ".join(settings.differences(last.settings))
            raise RunMismatchError(
                f"{self.path} holds a run made with other settings (now, not then):\n  "
                f"{different}\n"
                "Use another store, or the settings of that run."
            )
        return last

    def runs(self) -> list[Run]:
        """All runs, oldest first."""
        rows = self._rows("SELECT id, settings, started_at FROM runs ORDER BY id")
        with _readable(self.path):
            return [
                Run(id_, RunSettings.model_validate_json(text), datetime.fromisoformat(started))
                for id_, text, started in rows
            ]

    def begin(self, run: Run, trajectory_id: str, draft: Draft) -> Entry:
        """Enter a draft into a run, or find it there.

        Raises:
            InputError: The run has another draft under the same id.
        """
        with self._lock:
            rows = self._rows(
                "SELECT key, id, draft, ending FROM trajectories WHERE run = ? AND draft_id = ?",
                (run.id, draft.id),
            )
            if not rows:
                row = (run.id, draft.id, trajectory_id, draft.model_dump_json())
                sql = "INSERT INTO trajectories (run, draft_id, id, draft) VALUES (?, ?, ?, ?)"
                return Entry(self._write(sql, row), trajectory_id)
            key, first_id, stored, ending = rows[0]
        with _readable(self.path):
            if Draft.model_validate_json(stored).content_digest != draft.content_digest:
                raise InputError(
                    f"{self.path} has another draft under the id '{draft.id}': give this one an "
                    "id of its own."
                )
            end = None if ending is None else End.model_validate_json(ending)
        return Entry(key, first_id, self._versions(key), end)

    def append(self, entry: Entry, version: Version) -> None:
        """Commit a version. When this returns, it is on disk."""
        with self._lock, self._transaction():
            self._write(
                "INSERT INTO versions (trajectory, round, version) VALUES (?, ?, ?)",
                (entry.key, version.round, version.model_dump_json()),
            )
            self._write(
                "UPDATE trajectories SET ending = NULL WHERE key = ? AND ending IS NOT NULL",
                (entry.key,),
            )

    def finish(self, entry: Entry, end: End) -> None:
        """Commit the reason why a trajectory ended."""
        row = (end.model_dump_json(), entry.key)
        self._write("UPDATE trajectories SET ending = ? WHERE key = ?", row)

    def trajectories(self, *, name: str | None = None) -> Iterator[Trajectory]:
        """All trajectories, in the order in which their drafts came in, one in memory at a time.

        Args:
            name: Only those with this id, or of the draft with this id (one for each run).
        """
        rows = self._rows(_NEXT_TRAJECTORY, {"after": 0, "name": name})
        while rows:
            key, id_, draft, ending, _ = rows[0]
            with _readable(self.path):
                trajectory = Trajectory(
                    id=id_,
                    draft=Draft.model_validate_json(draft),
                    versions=tuple(Version.model_validate_json(row[-1]) for row in rows),
                    end=None if ending is None else End.model_validate_json(ending),
                )
            yield trajectory
            rows = self._rows(_NEXT_TRAJECTORY, {"after": key, "name": name})

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _add_run(self, settings: RunSettings) -> Run:
        started_at = datetime.now(UTC)
        row = (settings.digest, settings.model_dump_json(), started_at.isoformat())
        sql = "INSERT INTO runs (digest, settings, started_at) VALUES (?, ?, ?)"
        return Run(self._write(sql, row), settings, started_at)

    def _versions(self, key: int) -> tuple[Version, ...]:
        sql = "SELECT version FROM versions WHERE trajectory = ? ORDER BY round"
        with _readable(self.path):
            return tuple(Version.model_validate_json(text) for (text,) in self._rows(sql, (key,)))

    def _prepare(self) -> None:
        if self._pragma("application_id") == 0 and not self._rows("SELECT 1 FROM sqlite_schema"):
            self._make()
        self._check_identity()
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("BEGIN IMMEDIATE")  # fails now, not in mid-run, if read-only
        self._connection.execute("ROLLBACK")

    def _make(self) -> None:
        """Make the tables; harmless where another process is doing the same."""
        give_up = time.monotonic() + _BUSY_TIMEOUT_S
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as exc:  # for this, SQLite itself does not wait
                if exc.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                    raise
                time.sleep(0.01)
        self._connection.executescript(
            f"BEGIN IMMEDIATE; {_SCHEMA}"
            f"PRAGMA application_id = {_APPLICATION_ID};"
            f"PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;"
        )

    def _check_identity(self) -> None:
        if self._pragma("application_id") != _APPLICATION_ID:
            raise StoreError(f"{self.path} is an SQLite file, but no revloop store.")
        version = self._pragma("user_version")
        if version != _SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} has store version {version}; this revloop reads {_SCHEMA_VERSION}."
            )
        if self._rows(_ACTING_PARTS):
            raise StoreError(
                f"{self.path} holds a trigger or a view, which would act when the store is used. "
                "No store that revloop made has one: do not use this file."
            )

    def _pragma(self, name: str) -> int:
        value: int = self._connection.execute(f"PRAGMA {name}").fetchone()[0]
        return value

    def _rows(self, sql: str, values: Parameters = ()) -> list[tuple[Any, ...]]:
        with self._lock, _translated(self.path):
            return self._connection.execute(sql, values).fetchall()

    def _write(self, sql: str, values: Parameters) -> int:
        """Execute one statement; returns the key of the row that it made."""
        with self._lock, _translated(self.path):
            return self._connection.execute(sql, values).lastrowid or 0

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _translated(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(
        uri,
        uri=True,
        timeout=_BUSY_TIMEOUT_S,
        check_same_thread=False,  # a lock of our own guards it
        isolation_level=None,  # no transactions but those that we begin
    )
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _mode_to_read(path: Path) -> str:
    """Reading a write-ahead log takes a file beside it: where none can be made, nobody writes."""
    log = path.with_name(f"{path.name}-wal")
    writable = os.access(path.parent, os.W_OK)
    return "ro" if writable or log.exists() else "ro&immutable=1"


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """SQLite's errors as ours, with what a person can do about them."""
    try:
        yield
    except UnicodeDecodeError as exc:  # sqlite3 quotes a damaged schema in its message
        raise StoreError(f"{path} is no revloop store, or it is damaged.") from exc
    except sqlite3.DatabaseError as exc:
        said = str(exc)
        if "not a database" in said or "malformed" in said:
            raise StoreError(f"{path} is no revloop store, or it is damaged ({said}).") from exc
        if "unable to open" in said:
            raise StoreError(f"{path} cannot be opened: {said}. Check its permissions.") from exc
        if "readonly" in said:
            raise StoreError(f"{path} cannot be written: {said}. Check its permissions.") from exc
        if "full" in said:
            raise StoreError(
                f"{path}: the disk is full. What was stored is intact; make room and go on."
            ) from exc
        raise StoreError(f"{path}: {said}.") from exc


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except ValueError as exc:
        what = explain(exc) if isinstance(exc, ValidationError) else exc
        raise StoreError(f"{path} holds a row that cannot be read: {what}.") from exc
