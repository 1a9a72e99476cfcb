"""The SQLite file of a store: opened, checked, read and written, its errors translated."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from pydantic import ValidationError

from revloop.errors import StoreError
from revloop.files.store_files import (
    STORE_APPLICATION_ID,
    canonical_path,
    has_link_elsewhere,
    write_ahead_log,
)
from revloop.store.schema import VERSIONS
from revloop.values import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    Parameters = Sequence[object] | Mapping[str, object]

SCHEMA_VERSION = 4
_BUSY_TIMEOUT_S = 30.0
_CHECKPOINT_TIMEOUT_MS = 2000  # wait for a reader; if it takes longer, it checkpoints on closing
_ROWS_A_STATEMENT = (64, 8, 1)  # few sizes, so that SQLite's statement cache works

_ACTING_PARTS = """
SELECT 1 FROM sqlite_schema
WHERE type IN ('trigger', 'view') OR sql LIKE 'CREATE VIRTUAL%'
"""


class StoreFile:
    """One connection to a store's file. Safe to use from several threads."""

    def __init__(self, connection: sqlite3.Connection, path: Path, *, checkpoint: str) -> None:
        self.path = path
        self._connection = connection
        self._checkpoint = checkpoint
        self._is_store = False
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path, *, more_tables: str = "") -> Self:
        """Open a file to read and write; create it if it does not exist.

        Args:
            path: The file.
            more_tables: Statements that create more tables in an existing store.

        Raises:
            StoreError: The file is not a store, has another version, or cannot be written.
        """
        if more_tables:
            _check_is_there(path)
        elif not path.parent.is_dir():
            raise StoreError(f"{path} cannot be created: there is no folder {path.parent}.")
        place = canonical_path(path)
        if has_link_elsewhere(place):
            raise StoreError(
                f"{path} has a hard link in another folder, and writing through two paths would "
                f"damage it. Replace it with a copy: cp {path} COPY && mv COPY {path}"
            )
        with translated(path):
            file = cls(_connect(place, "rwc"), path, checkpoint="TRUNCATE")
            with file._closed_on_error():
                file._prepare(more_tables)
        return file

    @classmethod
    def open_to_read(cls, path: Path) -> Self:
        """Open an existing file to read only; another process may be writing to it.

        If the file is writable, closing it checkpoints what a killed process left in the
        write-ahead log.

        Raises:
            StoreError: There is no such file, or it is not a store.
        """
        _check_is_there(path)
        place = canonical_path(path)
        with translated(path):
            file = cls(_connect(place, _mode_to_read(place)), path, checkpoint="PASSIVE")
            with file._closed_on_error():
                file._connection.execute("PRAGMA query_only = ON")
                file._check_identity()
        return file

    def rows(self, sql: str, values: Parameters = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._lock, translated(self.path, is_store=self._is_store):
            return self._connection.execute(sql, values).fetchall()

    def rows_for(self, sql: str, first: object, wanted: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """All rows of a query for any number of values, some values at a time.

        Args:
            sql: The query, with ``{rows}`` for the placeholders ``(?), (?)``.
            first: The value of the placeholder before those.
            wanted: The values.
        """
        size = _ROWS_A_STATEMENT[0]
        for start in range(0, len(wanted), size):
            part = wanted[start : start + size]
            yield from self.rows(sql.format(rows=_places(len(part), 1)), (first, *part))

    def write(self, sql: str, values: Parameters) -> int:
        """Execute one statement; returns the key of the inserted row."""
        with self._lock, translated(self.path, is_store=self._is_store):
            return self._connection.execute(sql, values).lastrowid or 0

    def write_many(self, sql: str, rows: Sequence[tuple[object, ...]]) -> int:
        """Execute a statement for many rows with as few SQLite calls as possible.

        After each call, this thread must reacquire the interpreter lock, which under load costs far
        more than the work (``executemany`` makes one call per row).

        Args:
            sql: The statement, with ``{rows}`` for the placeholders ``(?, ...), (?, ...)``.
            rows: The values, one tuple per row, all of one length.

        Returns:
            How many rows were inserted or changed.
        """
        start = changed = 0
        with self._lock, translated(self.path, is_store=self._is_store):
            for size in _ROWS_A_STATEMENT:
                while len(rows) - start >= size:
                    part = rows[start : start + size]
                    values = [value for row in part for value in row]
                    places = _places(size, len(part[0]))
                    changed += self._connection.execute(sql.format(rows=places), values).rowcount
                    start += size
        return changed

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything in the block together, or nothing.

        Inside another transaction of this thread, the block is part of that one.
        """
        with self._lock, translated(self.path, is_store=self._is_store):
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Read everything in the block from one snapshot."""
        with self._lock, translated(self.path, is_store=self._is_store):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")

    def define(self, name: str, function: Callable[..., bool]) -> None:
        """Make a pure function of two arguments usable in queries."""
        self._connection.create_function(name, 2, function, deterministic=True)

    def pragma(self, name: str) -> int:
        """The value of one of SQLite's own settings."""
        value: int = self._connection.execute(f"PRAGMA {name}").fetchone()[0]
        return value

    def close(self) -> None:
        """Close the file, with everything that was committed checkpointed from the log.

        If another connection is reading or committing, part of the log stays until that one closes.
        """
        with self._lock:
            with suppress(sqlite3.Error):  # already closed, or the disk is full: the log remains
                self._connection.execute(f"PRAGMA busy_timeout = {_CHECKPOINT_TIMEOUT_MS}")
                self._connection.execute(f"PRAGMA wal_checkpoint({self._checkpoint})").fetchall()
            self._connection.close()

    @contextmanager
    def _closed_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _prepare(self, more_tables: str) -> None:
        if self.pragma("application_id") == 0 and not self.rows("SELECT 1 FROM sqlite_schema"):
            self._make()
        self._check_identity()
        self._connection.execute("PRAGMA synchronous = FULL")
        # a read-only file fails here, not during the run
        self._connection.executescript(f"BEGIN IMMEDIATE; {more_tables} COMMIT;")

    def _make(self) -> None:
        """Create the tables; harmless if another process does the same."""
        give_up = time.monotonic() + _BUSY_TIMEOUT_S
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as exc:  # SQLite's own timeout does not cover this
                if exc.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                    raise
                time.sleep(0.01)
        self._connection.executescript(
            f"BEGIN IMMEDIATE; {VERSIONS}"
            f"PRAGMA application_id = {STORE_APPLICATION_ID};"
            f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )

    def _check_identity(self) -> None:
        check_identity(self.path, self.pragma("application_id"), self.pragma("user_version"))
        if self.rows(_ACTING_PARTS):
            raise StoreError(
                f"{self.path} contains a trigger or a view, which could run code of its own. "
                "revloop never creates one: do not use this file."
            )
        self._is_store = True


def check_identity(path: Path, application: int, version: int) -> None:
    """Check the application id and version in an SQLite file's header.

    Raises:
        StoreError: It is not a store, or has another version.
    """
    if application != STORE_APPLICATION_ID:
        raise StoreError(f"{path} is an SQLite file, but not a revloop store.")
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"{path} has store version {version}; this revloop reads {SCHEMA_VERSION}. "
            "Read it with the revloop that wrote it."
        )


def _places(rows: int, columns: int) -> str:
    """Placeholders for rows of values: ``(?, ?), (?, ?)``."""
    row = f"({', '.join('?' * columns)})"
    return ", ".join([row] * rows)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(
        uri,
        uri=True,
        timeout=_BUSY_TIMEOUT_S,
        check_same_thread=False,  # our own lock guards it
        isolation_level=None,  # no implicit transactions
    )
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _check_is_there(path: Path) -> None:
    if not path.is_file():
        raise StoreError(f"There is no store at {path}.")


def _mode_to_read(path: Path) -> str:
    """The mode to open a file to read: writable where possible, to checkpoint the log.

    Reading a write-ahead log needs a file beside it; where none can be created, nothing writes.
    """
    if os.access(path.parent, os.W_OK):
        may_write = os.access(path, os.W_OK) and not has_link_elsewhere(path)
        return "rw" if may_write else "ro"
    return "ro" if write_ahead_log(path).exists() else "ro&immutable=1"


@contextmanager
def translated(path: Path, *, is_store: bool = False) -> Iterator[None]:
    """Translate SQLite's errors, with what the user can do about them.

    Args:
        path: The file.
        is_store: Whether it is known to be a store.
    """
    try:
        yield
    except UnicodeDecodeError as exc:  # sqlite3's message quotes the damaged schema
        raise _damaged(path, "its tables cannot be read", is_store=is_store) from exc
    except sqlite3.DatabaseError as exc:
        raise _translation(exc, path, is_store=is_store) from exc


def _translation(exc: sqlite3.DatabaseError, path: Path, *, is_store: bool) -> StoreError:
    said = str(exc)
    if any(word in said for word in ("not a database", "malformed", "Could not decode")):
        return _damaged(path, said.partition(" with text ")[0], is_store=is_store)
    if "unable to open" in said:
        return StoreError(f"{path} cannot be opened: {said}. Check its permissions.")
    if "readonly" in said:
        return StoreError(f"{path} cannot be written: {said}. Check its permissions.")
    if "full" in said:
        return StoreError(
            f"{path}: the disk is full. What was stored is intact; free some space and continue."
        )
    if "disk I/O" in said:
        return StoreError(
            f"{path}: {said}. The disk fails, or a file size limit was reached. What was stored is "
            "intact."
        )
    return StoreError(f"{path}: {said}.")


def how_to_salvage(path: Path) -> str:
    """What the user can do about damage."""
    return f"Export what is still readable: revloop export --salvage {path} OUTPUT"


def _damaged(path: Path, said: str, *, is_store: bool) -> StoreError:
    what = "is damaged" if is_store else "is not a revloop store, or it is damaged"
    return StoreError(f"{path} {what} ({said}). {how_to_salvage(path)}")


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Translate the error of an unreadable row into one that names the file."""
    try:
        yield
    except ValueError as exc:
        what = explain(exc) if isinstance(exc, ValidationError) else exc
        raise StoreError(
            f"{path} is damaged: it has an unreadable row: {what}. {how_to_salvage(path)}"
        ) from exc
