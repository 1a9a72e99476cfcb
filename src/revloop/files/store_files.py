"""The files of a store: one path for each store, its log and lock, and the lock of a batch."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from revloop.errors import StoreError

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator

STORE_APPLICATION_ID = 0x7265766C
"""In the header of every store ("revl"): tells stores from other SQLite files."""

JOURNAL_SUFFIXES = ("-wal", "-shm", "-journal")
"""Of the files that SQLite keeps beside a database."""

_SQLITE_MAGIC, _ID_OFFSET, _HEADER_BYTES = b"SQLite format 3\x00", 68, 100


def canonical_path(path: Path) -> Path:
    """The one path by which a store is opened and locked.

    SQLite names its write-ahead log after the path that it is given, so two paths to one file would
    mean two logs, and a damaged store (https://sqlite.org/howtocorrupt.html, "Multiple links to the
    same file"). Symbolic links are followed. Of hard links in one folder, the one with a log is
    taken, else the first by name.

    Args:
        path: Where the store is or will be.

    Raises:
        StoreError: The path is a ring of symbolic links.
    """
    try:
        path = path.resolve()
    except (OSError, RuntimeError) as exc:  # RuntimeError: a ring, before Python 3.13
        raise StoreError(f"{path} cannot be opened: its symbolic links lead nowhere.") from exc
    names = _hard_links(path)
    logged = [name for name in names if write_ahead_log(path.with_name(name)).exists()]
    return path.with_name((logged or names or [path.name])[0])


def has_link_elsewhere(path: Path) -> bool:
    """Whether a file has a hard link in another folder, whose log could not be found."""
    return path.is_file() and path.stat().st_nlink > max(1, len(_hard_links(path)))


def _hard_links(path: Path) -> list[str]:
    """The sorted names of a file in its folder; empty if it has only one."""
    try:
        found = path.stat()
        if found.st_nlink == 1 or not path.is_file():
            return []
        with os.scandir(path.parent) as entries:
            return sorted(
                entry.name
                for entry in entries
                if entry.inode() == found.st_ino and entry.is_file(follow_symlinks=False)
            )
    except OSError:
        return []


def is_store(path: Path) -> bool:
    """Whether a file is a store, or an SQLite file with changes still in its log."""
    try:
        if not path.is_file():
            return False  # reading a pipe would consume it, or block
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
        if header and not header.startswith(_SQLITE_MAGIC):
            return False
        if int.from_bytes(header[_ID_OFFSET : _ID_OFFSET + 4], "big") == STORE_APPLICATION_ID:
            return True
        return write_ahead_log(Path(os.path.realpath(path))).stat().st_size > 0
    except (OSError, ValueError):
        return False


def write_ahead_log(store: Path) -> Path:
    """SQLite's write-ahead log of a store: changes that are not in the file yet."""
    return store.with_name(f"{store.name}-wal")


def lock_file(store: Path) -> Path:
    """The file that a batch locks while it works on a store."""
    return store.with_name(f".{store.name}.lock")


@contextmanager
def batch_lock(store: Path) -> Iterator[None]:
    """Keep other batches off a store: they would do the same rounds.

    The lock is on ``.STORE.lock`` beside the store's canonical path. That file stays, empty; the
    lock ends with the process. SQLite's own file cannot be locked: closing any handle on it would
    end SQLite's locks of this process (https://sqlite.org/howtocorrupt.html, "POSIX advisory
    locks").

    Raises:
        StoreError: Another batch is running on the store, or the lock file cannot be created.
    """
    path = lock_file(canonical_path(store))
    try:
        file = path.open("ab")
    except OSError as exc:
        raise StoreError(f"{path} cannot be created: {exc.strerror}.") from exc
    with file:
        if sys.platform != "win32":
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                raise StoreError(
                    f"Another batch is running on {store}. Wait for it, stop it, or use another "
                    "store."
                ) from exc
        yield
