"""Outputs that are not regular files: open descriptors, pipes and devices."""

from __future__ import annotations

import os
import re
import select
import stat
import sys
from typing import TYPE_CHECKING

from revloop.errors import InputError, ReaderGoneError

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from pathlib import Path

_DESCRIPTOR = re.compile(r"/(?:dev/fd|proc/self/fd)/(\d{1,9})")
_STANDARD_STREAMS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_FULL_DEVICE = (1, 7)
"""Major and minor number of /dev/full on Linux."""


def descriptor(path: Path) -> int | None:
    """The number of the open file that a path such as ``/dev/stdout`` or ``/dev/fd/63`` names."""
    text = os.path.normpath(path)
    if found := _DESCRIPTOR.fullmatch(text):
        return int(found[1])
    return _STANDARD_STREAMS.get(text)


def is_device(path: Path) -> bool:
    """Whether a path names a device, such as ``/dev/null``."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


def is_special(path: Path) -> bool:
    """Whether a path names a device, a pipe or a descriptor, which is written directly.

    Raises:
        OSError: The path is a ring of links, or cannot be looked at.
    """
    if descriptor(path) is not None:
        return True
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def check_descriptor(number: int, name: str) -> None:
    """Check that an open file can be written.

    Raises:
        InputError: It is closed, open for reading only, or full.
        ReaderGoneError: It is a pipe that nothing reads any more.
    """
    try:
        found = os.fstat(number)
    except OSError as exc:
        raise InputError(f"{name} is closed, so nothing can be written to it.") from exc
    if sys.platform == "win32":
        return
    if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise InputError(f"{name} is closed, or open for reading only.")
    check_device(found, name)
    if stat.S_ISREG(found.st_mode) and not os.fstatvfs(number).f_bavail:
        raise InputError(f"{name} cannot be written: No space left on device. Free some space.")
    if stat.S_ISFIFO(found.st_mode):
        pipe = select.poll()
        pipe.register(number, 0)
        if any(event & select.POLLERR for _, event in pipe.poll(0)):
            raise ReaderGoneError(f"{name}: the pipe's reader has closed it.")


def check_device(found: os.stat_result, name: str) -> None:
    """Check that a device is not ``/dev/full``.

    Raises:
        InputError: It is.
    """
    if stat.S_ISCHR(found.st_mode) and sys.platform == "linux":
        if found.st_rdev == os.makedev(*_FULL_DEVICE):
            raise InputError(
                f"{name} cannot be written: No space left on device. Name another file."
            )
