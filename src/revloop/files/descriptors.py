"""Files that are open already, and devices: what can be written to them."""

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


def check_descriptor(number: int, name: str) -> None:
    """Check that something can be written to an open file.

    Raises:
        InputError: It is closed, open for reading only, or full.
        ReaderGoneError: It is a pipe that nobody reads any more.
    """
    try:
        found = os.fstat(number)
    except OSError as exc:
        raise InputError(f"{name} is closed: nothing can be written to it.") from exc
    if sys.platform == "win32":
        return
    if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise InputError(f"{name} is closed, or open for reading only.")
    check_device(found, name)
    if stat.S_ISREG(found.st_mode) and not os.fstatvfs(number).f_bavail:
        raise InputError(f"{name} cannot be written: there is no room for it. Make room first.")
    if stat.S_ISFIFO(found.st_mode):
        pipe = select.poll()
        pipe.register(number, 0)
        if any(event & select.POLLERR for _, event in pipe.poll(0)):
            raise ReaderGoneError(f"Nobody reads {name} any more.")


def check_device(found: os.stat_result, name: str) -> None:
    """Check that a device is not the one that is always full.

    Raises:
        InputError: It is.
    """
    if stat.S_ISCHR(found.st_mode) and sys.platform == "linux":
        if found.st_rdev == os.makedev(*_FULL_DEVICE):
            raise InputError(
                f"{name} cannot be written: there is no room for it (the device is full). Name "
                "another file."
            )
