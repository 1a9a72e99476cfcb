"""Lines of JSONL and values of larger JSON texts, one at a time and of bounded length."""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING

from revloop.errors import InputError
from revloop.files.compression import BYTE_ORDER_MARK
from revloop.rows.row import Position, RawRow

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator
    from typing import BinaryIO

_SHOWN_BYTES = 200
_CHUNK_BYTES = 2**16
_BLANK = " \t\r\n"


def lines_of(
    file: io.BufferedReader, max_bytes: int, *, after: Position | None = None, seekable: bool
) -> Iterator[RawRow]:
    """The lines of a file that are not blank.

    Args:
        file: At its start.
        max_bytes: A longer line has a fault, and only its beginning is kept.
        after: Resume after this line.
        seekable: Whether the file can be read from an offset.

    Raises:
        InputError: The file is not the one that was read before.
    """
    number, offset, skipped = 0, 0, after.number if after else 0
    if seekable and after is not None and after.end_offset is not None:
        number, offset = after.number, _seek_line(file, after.end_offset)
    while raw := file.readline(max_bytes + 1):
        number += 1
        offset += len(raw)
        is_long = len(raw) > max_bytes
        if is_long and not raw.endswith(b"\n"):
            offset += _skip_line(file)
        if number <= skipped:
            continue
        end_offset = offset if seekable else None
        if is_long:
            fault = f"longer than {max_bytes:,} bytes (only its beginning is kept here)"
            yield RawRow(number, raw[:_SHOWN_BYTES], end_offset, fault)
            continue
        if number == 1:
            raw = raw.removeprefix(BYTE_ORDER_MARK)
        if raw and not raw.isspace():
            yield RawRow(number, raw, end_offset)


def lines_between(
    file: io.BufferedReader, start: int, end: int, max_bytes: int
) -> Iterator[RawRow]:
    """The lines that begin in a range of bytes; adjacent ranges share no line and miss none.

    Args:
        file: One that can be read from an offset.
        start: First byte of the range.
        end: First byte after it.
        max_bytes: As for :func:`lines_of`.
    """
    last = _line_start(file, end)
    first = _line_start(file, start)
    for row in lines_of(file, max_bytes, after=Position(0, first), seekable=True):
        if row.end_offset is None or row.end_offset > last:
            return
        yield row


def _line_start(file: BinaryIO, offset: int) -> int:
    """Where the first line begins that does not begin before an offset."""
    if offset == 0:
        return 0
    file.seek(offset - 1)
    return offset - 1 + _skip_line(file)


def _seek_line(file: BinaryIO, offset: int) -> int:
    """Go to where a line ended before; returns where the next one starts."""
    file.seek(max(0, offset - 1))
    if offset == 0 or (before := file.read(1)) == b"\n":
        return offset
    # the last line of the file may have got its line end since
    if not before or (end := file.read(1)) not in {b"\n", b""}:
        raise InputError(
            f"The input is not the one that was read before: no line ends at byte {offset:,}. "
            "Start over with another store, or restore the input."
        )
    return offset + len(end)


def _skip_line(file: BinaryIO) -> int:
    """Read to the end of a line; returns the number of bytes."""
    skipped = 0
    while part := file.readline(_CHUNK_BYTES):
        skipped += len(part)
        if part.endswith(b"\n"):
            break
    return skipped


def is_array(file: io.BufferedReader) -> bool:
    """Whether a file starts like a JSON array."""
    return file.peek(1024).removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"[")


def values_of(
    file: io.BufferedReader, max_bytes: int, *, after: Position | None = None
) -> Iterator[RawRow]:
    """The elements of a JSON array, or JSON objects one after another, one in memory at a time.

    Args:
        file: At its start.
        max_bytes: About the most that one value may take.
        after: Resume after this value.

    Raises:
        InputError: A value is broken; what follows the break cannot be split into values.
    """
    skipped = after.number if after else 0
    if is_array(file):
        values = _JsonStream(file, max_bytes, "array", "element", "jq -c '.[]' FILE").elements()
    else:
        values = _JsonStream(file, max_bytes, "text", "object", "jq -c . FILE").objects()
    for number, value in enumerate(values, start=1):
        if number > skipped:
            yield RawRow(number, value.encode("utf-8", "surrogateescape"))


class _JsonStream:
    """A JSON text that is read as it is needed.

    Args:
        file: At its start.
        max_bytes: About the most that one value may take.
        whole: What the text is, in a word.
        part: What one of its values is.
        command: The command that writes one value per line.
    """

    def __init__(self, file: BinaryIO, max_bytes: int, whole: str, part: str, command: str) -> None:
        self._file, self._max_bytes = file, max_bytes
        self._whole, self._part, self._command = whole, part, command
        # invalid bytes become a fault of the value that they are in
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self._text, self._at, self._is_complete, self._count = "", 0, False, 0
        self._scan = json.JSONDecoder().raw_decode
        self._read(_CHUNK_BYTES)
        self._text = self._text.removeprefix("\ufeff")

    def elements(self) -> Iterator[str]:
        """The text of each element of an array."""
        self._take("[")
        if self._next() == "]":
            self._take("]")
        else:
            yield self._value()
            while self._take(",]") == ",":
                yield self._value()
        if self._next():
            raise InputError(f"There is more after the array's end, after element {self._count}.")

    def objects(self) -> Iterator[str]:
        """The text of each object."""
        while self._next():
            yield self._value()

    def _next(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            while self._at < len(self._text):
                letter = self._text[self._at]
                if letter not in _BLANK:
                    return letter
                self._at += 1
            if self._is_complete:
                return ""
            self._read(_CHUNK_BYTES)

    def _take(self, expected: str) -> str:
        """Consume one of some characters; returns which it was."""
        letter = self._next()
        if not letter or letter not in expected:
            found = repr(letter) if letter else "its end"
            raise InputError(f"The JSON array is broken: {found} instead of {expected!r}.")
        self._at += 1
        return letter

    def _value(self) -> str:
        """Consume a value; returns its text."""
        self._count += 1
        self._next()
        while True:
            try:
                end = self._scan(self._text, self._at)[1]
            except (ValueError, RecursionError) as exc:
                too_long = len(self._text) - self._at > self._max_bytes
                if self._is_complete or too_long or isinstance(exc, RecursionError):
                    raise InputError(
                        f"The JSON {self._whole} is broken in {self._part} {self._count}, or that "
                        f"is longer than {self._max_bytes:,} bytes ({exc}). With one row per line, "
                        f"a broken row costs only itself: convert it with {self._command}."
                    ) from exc
            else:
                if end < len(self._text) or self._is_complete:  # else it may be half a number
                    value = self._text[self._at : end]
                    self._at = end
                    return value
            self._read(max(_CHUNK_BYTES, len(self._text) - self._at))

    def _read(self, size: int) -> None:
        chunk = self._file.read(size)
        self._is_complete = not chunk
        self._text = self._text[self._at :] + self._decode(chunk, final=not chunk)
        self._at = 0
