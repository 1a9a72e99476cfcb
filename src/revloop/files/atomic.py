"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from revloop.errors import InputError, ReaderGoneError
from revloop.files.descriptors import descriptor

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_TRIAL_BYTES = 4096


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Translate errors of writing into ours.

    Raises:
        InputError: The file cannot be written.
        ReaderGoneError: It is a pipe that nobody reads any more.
    """
    try:
        yield
    except BrokenPipeError as exc:
        raise ReaderGoneError(f"Nobody reads {path} any more.") from exc
    except OSError as exc:
        if exc.errno in _NO_ROOM:
            raise InputError(
                f"{path} cannot be written: there is no room for it ({exc.strerror}). What was "
                "there before is untouched; make room and try again."
            ) from exc
        raise InputError(f"{path} cannot be written: {exc.strerror or exc}.") from exc


def is_device(path: Path) -> bool:
    """Whether a path names a device, such as ``/dev/null``."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


def is_special(path: Path) -> bool:
    """Whether a path names a device, a pipe or a descriptor, which is written as it is.

    Raises:
        OSError: Its links lead in a circle, or it cannot be looked at.
    """
    if descriptor(path) is not None:
        return True
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write; it gets its name when the block ends without an error.

    Until then it is ``.NAME.tmp`` in the same folder; one that a killed process has left is
    written over. A device, a pipe or an open descriptor is written as it is.

    Raises:
        InputError: It cannot be written, or another process is writing it.
        ReaderGoneError: It is a pipe that nobody reads any more.
    """
    with writable(path):
        if path.is_dir():
            raise InputError(f"{path} is a folder; a file is wanted.")
        special = is_special(path)
        target = Path(os.path.realpath(path))
        under_way = unfinished(target)
        file = _opened(path) if special else _locked(under_way, path)
    try:
        yield file
        with writable(path):
            file.flush()
            if not special:
                _finish(file, under_way, target)
    except BaseException:
        if not special:
            under_way.unlink(missing_ok=True)
        raise
    finally:
        with suppress(OSError):  # what cannot be written was told before
            file.close()


def unfinished(target: Path) -> Path:
    """The name of a file until it is whole."""
    return target.with_name(f".{target.name}.tmp")


def try_to_write(folder: Path) -> None:
    """Write a page into a folder, and leave nothing of it.

    Raises:
        OSError: A file cannot be made there, or there is no room.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(_TRIAL_BYTES))
        file.flush()
        os.fsync(file.fileno())  # some file systems find out only now that they are full


def _opened(path: Path) -> BinaryIO:
    number = descriptor(path)
    # opening /dev/stdout anew would empty a file that a shell appends to
    return path.open("wb") if number is None else os.fdopen(os.dup(number), "wb")


def _finish(file: BinaryIO, under_way: Path, target: Path) -> None:
    """Give a file its name, in a way that lasts through a power cut."""
    os.fsync(file.fileno())
    if sys.platform == "win32":
        file.close()
        under_way.replace(target)
        return
    under_way.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _locked(under_way: Path, path: Path) -> BinaryIO:
    """Open an unfinished file, empty, that no other process is writing."""
    while True:
        file = under_way.open("ab")
        try:
            if _is_ours(file, under_way, path):
                file.truncate(0)
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _is_ours(file: BinaryIO, under_way: Path, path: Path) -> bool:
    """Take the lock on a file; false where that got its name just before."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        raise InputError(f"{path} is being written by another process.") from exc
    try:
        there = under_way.stat()
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
