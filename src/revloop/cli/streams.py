"""The standard streams of the command line, as they are and not as one would wish them.

Any of them may be closed, full, a pipe that nobody reads, or of an encoding that lacks characters.
None of this may cost the result of hours, or end in a traceback:

- what stdout cannot take is told as an error of ours, quietly where its reader has gone;
- what stderr cannot take is lost, since the work does not depend on it;
- files and pipes are UTF-8; in a terminal, characters that it cannot show are written as escapes.
"""

from __future__ import annotations

import io
import os
import select
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revloop.files.atomic import writable
from revloop.files.descriptors import check_descriptor

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import ReadableBuffer

STANDARD_OUTPUT = "Standard output"

_NAME = Path("standard output")
_ESCAPING = "backslashreplace"


def prepare(tell: Callable[[str], None]) -> None:
    """Make the standard streams safe to use; once, before anything is printed.

    Args:
        tell: Tells a person, on stderr, what was done to the text on stdout.
    """
    _occupy_closed()
    sys.stderr = _safe(sys.stderr, _Forgiving, lambda _: None)
    sys.stdout = _safe(sys.stdout, _Strict, tell)


def check_standard_output() -> None:
    """Check that what is printed can be written, before any work; a closed stream is no matter yet.

    Raises:
        InputError: Standard output is full, or open for reading only.
        ReaderGoneError: Nobody reads it any more.
    """
    if sys.stdout is not None:
        with suppress(io.UnsupportedOperation):
            check_descriptor(sys.stdout.fileno(), STANDARD_OUTPUT)


def flush() -> None:
    """Write what is left for standard output, while an error can still be told.

    Raises:
        InputError: It cannot be written.
        ReaderGoneError: Nobody reads it any more.
    """
    if sys.stdout is not None:
        sys.stdout.flush()


def _occupy_closed() -> None:
    """Keep files that are opened later from becoming a standard stream that was closed.

    Whatever a library prints would else be written into a store, say. The null device is opened
    the wrong way round, so that to use it is an error, as with a closed stream.
    """
    for number, mode in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                # it takes the lowest number that is free, which is this one
                os.set_inheritable(os.open(os.devnull, mode), True)


class _Patient(io.FileIO):
    """A stream that is waited for where it does not wait itself: a pipe that others share."""

    def write(self, data: ReadableBuffer, /) -> int:
        while (written := super().write(data)) is None:
            select.select([], [self], [])
        return written


class _Strict(_Patient):
    """Standard output: what cannot be written is an error of ours, once."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            with writable(_NAME):
                return super().write(data)
        except BaseException:
            _discard(self.fileno())  # what is still to come must not fail again, at the very end
            raise


class _Forgiving(_Patient):
    """Standard error: what cannot be written is lost."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            _discard(self.fileno())
            return memoryview(data).nbytes


class _NotingText(io.TextIOWrapper):
    """Text on a stream; tells once where it is not written as one would expect."""

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
            self._say(f"Standard output is no terminal: it is UTF-8, not {self._wanted}.")
        elif not _holds(text, self.encoding):
            self._say(f"Characters that {self.encoding} does not have are printed as escapes.")

    def _say(self, what: str) -> None:
        self._told = True
        self._tell(what)


def _safe(stream: Any, kind: type[io.FileIO], tell: Callable[[str], None]) -> Any:
    """The same stream, safe to use; as it is if it is closed, or is none of the system's."""
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
