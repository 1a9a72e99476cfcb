"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from revloop.errors import InputError

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Errors of writing as ours; that nobody reads standard output any more is left as it is.

    Raises:
        InputError: The file cannot be written.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as exc:
        if exc.errno in _NO_ROOM:
            raise InputError(
                f"{path} cannot be written: there is no room for it ({exc.strerror}). What was "
                "there before is untouched; make room and try again."
            ) from exc
        raise InputError(f"{path} cannot be written: {exc.strerror or exc}.") from exc


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write; it gets its name when the block ends without an error.

    Until then it is ``.NAME.tmp`` in the same folder; one that a killed process has left is
    written over. A device or a pipe is written as it is.

    Raises:
        InputError: It cannot be written, or another process is writing it.
    """
    with writable(path):
        if path.is_dir():
            raise InputError(f"{path} is a folder; a file is wanted.")
        target = path.resolve()
        is_special = target.exists() and not target.is_file()
        unfinished = target if is_special else target.with_name(f".{target.name}.tmp")
        file = unfinished.open("wb") if is_special else _locked(unfinished, path)
    try:
        yield file
        with writable(path):
            file.flush()
            if not is_special:
                _finish(file, unfinished, target)
    except BaseException:
        if not is_special:
            unfinished.unlink(missing_ok=True)
        raise
    finally:
        with suppress(OSError):  # what cannot be written was told before
            file.close()


def _finish(file: BinaryIO, unfinished: Path, target: Path) -> None:
    """Give a file its name, in a way that lasts through a power cut."""
    os.fsync(file.fileno())
    if sys.platform == "win32":
        file.close()
        unfinished.replace(target)
        return
    unfinished.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _locked(unfinished: Path, path: Path) -> BinaryIO:
    """Open an unfinished file, empty, that no other process is writing."""
    while True:
        file = unfinished.open("ab")
        try:
            if _is_ours(file, unfinished, path):
                file.truncate(0)
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _is_ours(file: BinaryIO, unfinished: Path, path: Path) -> bool:
    """Take the lock on a file; false where that got its name just before."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        raise InputError(f"{path} is being written by another process.") from exc
    try:
        there = unfinished.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(file.fileno()), there)


@contextmanager
def of_its_own(file: BinaryIO, path: Path) -> Iterator[BinaryIO]:
    """The same file for a library that may close what it is given.

    Raises:
        InputError: It cannot be written.
    """
    given = os.fdopen(os.dup(file.fileno()), "wb")
    try:
        yield given
        if not given.closed:
            with writable(path):
                given.flush()
    finally:
        with suppress(OSError):
            given.close()
