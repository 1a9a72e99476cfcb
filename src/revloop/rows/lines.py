"""Lines of JSONL, elements of a JSON array and objects, one at a time and of bounded length."""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING, NamedTuple

from revloop.errors import InputError
from revloop.files.compression import BYTE_ORDER_MARK
from revloop.rows.row import Position

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator
    from typing import BinaryIO

    from revloop.rows.row import Raw

START = Position(0, 0)

_SHOWN_BYTES = 200
_CHUNK_BYTES = 2**16
_BLANK = " \t\r\n"


class Item(NamedTuple):
    """A row as it was read, before anybody looked into it.

    Attributes:
        number: Line of a JSONL file, else the row's number, from 1.
        raw: The line, or the fields of a table's row.
        end_offset: As in :class:`~revloop.rows.Position`.
        fault: Why it cannot be looked into; None where it can.
    """

    number: int
    raw: Raw
    end_offset: int | None = None
    fault: str | None = None


def lines_of(
    file: io.BufferedReader, max_bytes: int, *, after: Position | None = None, seekable: bool
) -> Iterator[Item]:
    """The lines of a file that are not blank.

    Args:
        file: At its start.
        max_bytes: A longer line has a fault, and only its beginning is given.
        after: Go on after this line.
        seekable: Whether the file can be entered in the middle.

    Raises:
        InputError: The file is not the one that was read before.
    """
    number, offset, wanted = 0, 0, after.number if after else 0
    if seekable and after is not None and after.end_offset is not None:
        number, offset = after.number, _enter(file, after.end_offset)
    while raw := file.readline(max_bytes + 1):
        number += 1
        offset += len(raw)
        is_long = len(raw) > max_bytes
        if is_long and not raw.endswith(b"\n"):
            offset += _pass_over_line(file)
        if number <= wanted:
            continue
        end_offset = offset if seekable else None
        if is_long:
            fault = f"longer than {max_bytes:,} bytes (only its beginning is kept here)"
            yield Item(number, raw[:_SHOWN_BYTES], end_offset, fault)
            continue
        if number == 1:
            raw = raw.removeprefix(BYTE_ORDER_MARK)
        if raw and not raw.isspace():
            yield Item(number, raw, end_offset)


def lines_between(file: io.BufferedReader, start: int, end: int, max_bytes: int) -> Iterator[Item]:
    """The lines that begin within a range of bytes; ranges that touch share no line and miss none.

    Args:
        file: One that can be entered in the middle.
        start: First byte of the range.
        end: First byte behind it.
        max_bytes: As for :func:`lines_of`.
    """
    last = _line_start(file, end)
    first = _line_start(file, start)
    for item in lines_of(file, max_bytes, after=Position(0, first), seekable=True):
        if item.end_offset is None or item.end_offset > last:
            return
        yield item


def _line_start(file: BinaryIO, offset: int) -> int:
    """Where the first line begins that does not begin before a byte."""
    if offset == 0:
        return 0
    file.seek(offset - 1)
    return offset - 1 + _pass_over_line(file)


def _enter(file: BinaryIO, offset: int) -> int:
    """Go to where a line ended before; returns where the next one starts."""
    file.seek(max(0, offset - 1))
    if offset == 0 or (before := file.read(1)) == b"\n":
        return offset
    # the last line of a file may have had no end, and have got one since
    if not before or (behind := file.read(1)) not in {b"\n", b""}:
        raise InputError(
            f"The input is not the one that was read before: no line ends at byte {offset:,}. "
            "Start over with another store, or give the input as it was."
        )
    return offset + len(behind)


def _pass_over_line(file: BinaryIO) -> int:
    """Read to the end of a line; returns the number of bytes."""
    passed = 0
    while part := file.readline(_CHUNK_BYTES):
        passed += len(part)
        if part.endswith(b"\n"):
            break
    return passed


def is_array(file: io.BufferedReader) -> bool:
    """Whether a file starts like a JSON array."""
    return file.peek(1024).removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"[")


def elements_of(
    file: io.BufferedReader, max_bytes: int, *, after: Position | None = None
) -> Iterator[Item]:
    """The elements of a JSON array, one in memory at a time.

    Args:
        file: At its start.
        max_bytes: About the most that one element may take.
        after: Go on after this element.

    Raises:
        InputError: It is broken; behind the break, no element can be told from another.
    """
    text = _Text(file, "array", "element", "jq -c '.[]' FILE")
    text.take("[")
    number, wanted = 0, after.number if after else 0
    if text.next() == "]":
        text.take("]")
    else:
        while number == 0 or text.take(",]") == ",":
            number += 1
            element = text.element(number, max_bytes)
            if number > wanted:
                yield Item(number, element.encode("utf-8", "surrogateescape"))
    if text.next():
        raise InputError(f"There is more behind the array's end, after element {number}.")


def objects_of(
    file: io.BufferedReader, max_bytes: int, *, after: Position | None = None
) -> Iterator[Item]:
    """JSON objects that follow each other, over several lines each, one in memory at a time.

    Args:
        file: At its start.
        max_bytes: About the most that one object may take.
        after: Go on after this object.

    Raises:
        InputError: One is broken; behind the break, none can be told from another.
    """
    text = _Text(file, "text", "object", "jq -c . FILE")
    number, wanted = 0, after.number if after else 0
    while text.next():
        number += 1
        element = text.element(number, max_bytes)
        if number > wanted:
            yield Item(number, element.encode("utf-8", "surrogateescape"))


class _Text:
    """A JSON text that is read as far as it is needed.

    Args:
        file: At its start.
        whole: What the text is, in a word.
        part: What one of its parts is.
        way: The command that writes one part a line.
    """

    def __init__(self, file: BinaryIO, whole: str, part: str, way: str) -> None:
        self._file = file
        self._whole, self._part, self._way = whole, part, way
        # bytes that are no UTF-8 become the fault of the element that they are in
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self._text, self._at, self._is_whole = "", 0, False
        self._scan = json.JSONDecoder().raw_decode
        self._more(_CHUNK_BYTES)
        self._text = self._text.removeprefix("\ufeff")

    def next(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            while self._at < len(self._text):
                letter = self._text[self._at]
                if letter not in _BLANK:
                    return letter
                self._at += 1
            if self._is_whole:
                return ""
            self._more(_CHUNK_BYTES)

    def take(self, wanted: str) -> str:
        """Pass over one of some characters; returns which it was."""
        letter = self.next()
        if not letter or letter not in wanted:
            found = f"{letter!r}" if letter else "the end"
            raise InputError(f"The JSON array is broken: {found} stands where {wanted!r} should.")
        self._at += 1
        return letter

    def element(self, number: int, max_bytes: int) -> str:
        """Pass over an element; returns its text."""
        self.next()
        while True:
            try:
                end = self._scan(self._text, self._at)[1]
            except (ValueError, RecursionError) as exc:
                too_long = len(self._text) - self._at > max_bytes
                if self._is_whole or too_long or isinstance(exc, RecursionError):
                    raise InputError(
                        f"The JSON {self._whole} is broken in {self._part} {number}, or that is "
                        f"longer than {max_bytes:,} bytes ({exc}). With one row a line, one that "
                        f"is broken costs no other: {self._way} makes it so."
                    ) from exc
            else:
                if end < len(self._text) or self._is_whole:  # else: half a number, it may be
                    element = self._text[self._at : end]
                    self._at = end
                    return element
            self._more(max(_CHUNK_BYTES, len(self._text) - self._at))

    def _more(self, size: int) -> None:
        chunk = self._file.read(size)
        self._is_whole = not chunk
        self._text = self._text[self._at :] + self._decode(chunk, final=not chunk)
        self._at = 0
