"""Where a store's file is: one name for it, whichever way it was named."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from revloop.errors import StoreError
from revloop.files.paths import log_of

if TYPE_CHECKING:
    from pathlib import Path


def place_of(path: Path) -> Path:
    """The one path by which a store's file is opened and locked.

    SQLite names its write-ahead log after the path that it is given, so two paths to one file would
    mean two logs, and a damaged store (https://sqlite.org/howtocorrupt.html, "Multiple links to the
    same file"). Symbolic links are followed. Of hard links in one folder, the one with a log is
    taken, else the first by name.

    Args:
        path: Where the file is or will be.

    Raises:
        StoreError: The path is a ring of symbolic links.
    """
    try:
        path = path.resolve()
    except (OSError, RuntimeError) as exc:  # RuntimeError: a ring, before Python 3.13
        raise StoreError(f"{path} cannot be opened: its symbolic links lead nowhere.") from exc
    names = hard_links(path)
    logged = [name for name in names if log_of(path.with_name(name)).exists()]
    return path.with_name((logged or names or [path.name])[0])


def has_link_elsewhere(path: Path) -> bool:
    """Whether the file has a hard link in another folder, whose log could not be found."""
    return path.is_file() and path.stat().st_nlink > max(1, len(hard_links(path)))


def hard_links(path: Path) -> list[str]:
    """The names of a file in its folder, in their order; empty where it has one name only."""
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
