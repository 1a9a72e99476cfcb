"""One batch at a time on a store: two would do the same rounds."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from revloop.errors import StoreError
from revloop.files.paths import lock_of
from revloop.files.place import place_of

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def only_batch_on(store: Path) -> Iterator[None]:
    """Be the only batch on a store within the block.

    The lock is on ``.STORE.lock`` beside the file itself, whichever way that is named here. It
    stays there, empty; the lock ends with the process, however that ends. SQLite's own file cannot
    be locked: closing any handle on it would end SQLite's locks of this process
    (https://sqlite.org/howtocorrupt.html, "POSIX advisory locks").

    Raises:
        StoreError: Another batch is at work on the store, or the lock cannot be made.
    """
    path = lock_of(place_of(store))
    try:
        file = path.open("ab")
    except OSError as exc:
        raise StoreError(f"{path} cannot be made: {exc.strerror}.") from exc
    with file:
        if sys.platform != "win32":
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                raise StoreError(
                    f"Another batch is at work on {store}. Wait for it, stop it, or use another "
                    "store."
                ) from exc
        yield
