"""Make the standard streams safe to use.

Any of them may be closed, full, a pipe without a reader, or lack characters in its encoding. None
of this may lose hours of results or end in a traceback:

- a failed write to stdout raises an error of ours; a reader that has gone ends the command quietly;
- a failed write to stderr is ignored, since the work does not depend on it;
- files and pipes are UTF-8; a terminal gets escapes for characters that it cannot show.
"""

from __future__ import annotations

import io
import os
import select
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revloop.files.atomic import translate_write_errors
from revloop.files.descriptors import check_descriptor

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import ReadableBuffer

STANDARD_OUTPUT = "Standard output"

_NAME = Path("standard output")
_ESCAPING = "backslashreplace"


def prepare(tell: Callable[[str], None]) -> None:
    """Make the standard streams safe to use; call it once, before anything is printed.

    Args:
        tell: Prints a note on stderr, if text on stdout is written in another encoding.
    """
    _occupy_closed()
    sys.stderr = _safe(sys.stderr, _Forgiving, lambda _: None)
    sys.stdout = _safe(sys.stdout, _Strict, tell)


def check_standard_output() -> None:
    """Check before any work that standard output can be written; it may be closed.

    Raises:
        InputError: Standard output is full, or open for reading only.
        ReaderGoneError: Its reader has gone.
    """
    if sys.stdout is not None:
        with suppress(io.UnsupportedOperation):
            check_descriptor(sys.stdout.fileno(), STANDARD_OUTPUT)


def flush() -> None:
    """Flush standard output while an error can still be reported.

    Raises:
        InputError: It cannot be written.
        ReaderGoneError: Its reader has gone.
    """
    if sys.stdout is not None:
        sys.stdout.flush()


def _occupy_closed() -> None:
    """Occupy the numbers of closed standard streams, so that no file opened later gets one.

    Otherwise, a library's output could end up in a store. The null device is opened in the wrong
    mode, so that using it fails as it does with a closed stream.
    """
    for number, mode in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                # open() takes the lowest free number, which is this one
                os.set_inheritable(os.open(os.devnull, mode), True)


class _Blocking(io.FileIO):
    """A stream whose writes block, even on a pipe that another process made non-blocking."""

    def write(self, data: ReadableBuffer, /) -> int:
        while (written := super().write(data)) is None:
            select.select([], [self], [])
        return written


class _Strict(_Blocking):
    """Standard output: the first failed write raises an error of ours."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            with translate_write_errors(_NAME):
                return super().write(data)
        except BaseException:
            _discard(self.fileno())  # the flush at exit must not fail again
            raise


class _Forgiving(_Blocking):
    """Standard error: failed writes are ignored."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            _discard(self.fileno())
            return memoryview(data).nbytes


class _NotingText(io.TextIOWrapper):
    """Text on a stream; notes once if its encoding is not the expected one."""

    def __init__(self, raw: io.FileIO, wanted: str, tell: Callable[[str], None]) -> None:
        self._tell, self._told = tell, False
        self._wanted = wanted
        encoding = wanted if raw.isatty() else "utf-8"
        buffer = io.BufferedWriter(raw)
        super().__init__(buffer, encoding, errors=_ESCAPING, line_buffering=raw.isatty())

    def write(self, text: str, /) -> int:
        if not self._told and not text.isascii():
            self._note(text)
        return super().write(text)

    def _note(self, text: str) -> None:
        expected = text.encode(self._wanted, errors=_ESCAPING)
        if expected != text.encode(self.encoding, errors=_ESCAPING):
            self._say(f"Standard output is not a terminal: it gets UTF-8, not {self._wanted}.")
        elif not _holds(text, self.encoding):
            self._say(f"Characters that {self.encoding} lacks are printed as escapes.")

    def _say(self, what: str) -> None:
        self._told = True
        self._tell(what)


def _safe(stream: Any, kind: type[io.FileIO], tell: Callable[[str], None]) -> Any:
    """The stream, made safe; unchanged if it is closed or has no file descriptor."""
    try:
        number = -1 if stream is None else stream.fileno()
    except io.UnsupportedOperation:
        number = -1
    if number < 0:
        return stream
    stream.flush()
    return _NotingText(kind(number, "w", closefd=False), stream.encoding, tell)


def _holds(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _discard(number: int) -> None:
    with suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, number)
        os.close(null)
