"""One batch at a time on a store: two would do the same rounds."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from revloop.errors import StoreError

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def alone(store: Path) -> Iterator[None]:
    """Be the only batch on a store within the block.

    The lock is on ``.STORE.lock`` beside it, which stays there, empty; it ends with the process,
    however that ends.

    Raises:
        StoreError: Another batch is at work on the store, or the lock cannot be made.
    """
    path = store.with_name(f".{store.name}.lock")
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
