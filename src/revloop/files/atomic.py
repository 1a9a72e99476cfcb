"""Files that are written completely or not at all."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from revloop.errors import InputError, ReaderGoneError
from revloop.files.descriptors import descriptor, is_special

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_PROBE_BYTES = 4096


@contextmanager
def translate_write_errors(path: Path) -> Iterator[None]:
    """Translate errors of the operating system into revloop's.

    Raises:
        InputError: The file cannot be written.
        ReaderGoneError: It is a pipe that nothing reads any more.
    """
    try:
        yield
    except BrokenPipeError as exc:
        raise ReaderGoneError(f"{path}: the pipe's reader has closed it.") from exc
    except OSError as exc:
        advice = ""
        if exc.errno in _NO_SPACE:
            advice = " An earlier file of that name is unchanged. Free some space and try again."
        raise InputError(f"{path} cannot be written: {exc.strerror or exc}.{advice}") from exc


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which gets its name when the block ends without an error.

    Until then it is ``.NAME.tmp`` in the same folder; one that a killed process left is
    overwritten. A device, a pipe or an open descriptor is written directly.

    Raises:
        InputError: It cannot be written, or another process is writing it.
        ReaderGoneError: It is a pipe that nothing reads any more.
    """
    with translate_write_errors(path):
        if path.is_dir():
            raise InputError(f"{path} is a folder, not a file.")
        special = is_special(path)
        target = Path(os.path.realpath(path))
        temporary = temporary_path(target)
        file = _open_special(path) if special else _open_locked(temporary, path)
    try:
        yield file
        with translate_write_errors(path):
            file.flush()
            if not special:
                _rename(file, temporary, target)
    except BaseException:
        if not special:
            temporary.unlink(missing_ok=True)
        raise
    finally:
        with suppress(OSError):  # a write error was raised before
            file.close()


def temporary_path(target: Path) -> Path:
    """The name of a file until it is complete."""
    return target.with_name(f".{target.name}.tmp")


def probe_write(folder: Path) -> None:
    """Write a page into a folder, and remove it.

    Raises:
        OSError: A file cannot be created there, or there is no space.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(_PROBE_BYTES))
        file.flush()
        os.fsync(file.fileno())  # some file systems report only now that they are full


@contextmanager
def duplicate_handle(file: BinaryIO, path: Path) -> Iterator[BinaryIO]:
    """A second handle on an open file, for a library that may close what it is given.

    Raises:
        InputError: It cannot be written.
    """
    handle = os.fdopen(os.dup(file.fileno()), "wb")
    try:
        yield handle
        if not handle.closed:
            with translate_write_errors(path):
                handle.flush()
    finally:
        with suppress(OSError):
            handle.close()


def _open_special(path: Path) -> BinaryIO:
    number = descriptor(path)
    # opening /dev/stdout by name would empty a file that a shell appends to
    return path.open("wb") if number is None else os.fdopen(os.dup(number), "wb")


def _rename(file: BinaryIO, temporary: Path, target: Path) -> None:
    """Give a file its name so that both outlast a power cut."""
    os.fsync(file.fileno())
    if sys.platform == "win32":
        file.close()
        temporary.replace(target)
        return
    temporary.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _open_locked(temporary: Path, path: Path) -> BinaryIO:
    """Open a temporary file, empty, that no other process is writing."""
    while True:
        file = temporary.open("ab")
        try:
            if _lock(file, temporary, path):
                file.truncate(0)
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _lock(file: BinaryIO, temporary: Path, path: Path) -> bool:
    """Lock a file; false if another process has just renamed it."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        raise InputError(f"{path} is being written by another process.") from exc
    try:
        return os.path.samestat(os.fstat(file.fileno()), temporary.stat())
    except FileNotFoundError:
        return False
