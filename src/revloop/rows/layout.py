"""How rows are laid out in a file: one per line, in an array, as objects, or delimited."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from revloop.files.compression import BYTE_ORDER_MARK
from revloop.rows.delimited import ENDINGS, delimited_rows
from revloop.rows.lines import is_array, lines_of, values_of

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

    from revloop.rows.row import Position, RawRow

_HEAD_BYTES = 2**16
_OPENED = (b"{", b"[", b",", b":")
_FIELD_OR_ELEMENT = re.compile(rb'\s+["{\[\d\-tfn]|"[^"\n]*"\s*:')


class FileLayout(StrEnum):
    """How rows are laid out in a file."""

    LINES = "lines"
    ARRAY = "array"
    OBJECTS = "objects"
    DELIMITED = "delimited"


def raw_rows(
    file: io.BufferedReader,
    name: str,
    max_bytes: int,
    *,
    after: Position | None = None,
    seekable: bool = False,
) -> Iterator[RawRow]:
    """The rows of a decompressed file that is not a table.

    Args:
        file: At its start.
        name: The file's name.
        max_bytes: About the most that one row may take.
        after: Resume after this row.
        seekable: Whether the file can be read from an offset, if its rows are lines.

    Raises:
        InputError: It is broken, and what follows the break cannot be split into rows.
    """
    layout = layout_of(file, name)
    if layout is FileLayout.DELIMITED:
        return delimited_rows(file, name, max_bytes, after=after)
    if layout is FileLayout.LINES:
        return lines_of(file, max_bytes, after=after, seekable=seekable)
    return values_of(file, max_bytes, after=after)


def layout_of(file: io.BufferedReader, name: str) -> FileLayout:
    """How a file's rows are laid out: delimited by its name, else by its first bytes.

    A file that may be lines with a broken first one is lines: a bad row costs only itself.

    Args:
        file: At its start, where it stays.
        name: The file's name.
    """
    if any(ending in Path(name).suffixes for ending in ENDINGS):
        return FileLayout.DELIMITED
    head = file.peek(_HEAD_BYTES)[:_HEAD_BYTES].removeprefix(BYTE_ORDER_MARK).lstrip()
    first, _, others = head.partition(b"\n")
    if is_array(file):
        return FileLayout.LINES if _is_line(first, others) else FileLayout.ARRAY
    if head.startswith(b"{") and _spans_lines(head, first, others):
        return FileLayout.OBJECTS
    return FileLayout.LINES


def _is_line(first: bytes, others: bytes) -> bool:
    """Whether the array at a file's start is one line, and so a row that is not an object."""
    if _is_json(first):
        return bool(others.strip())
    second = others.lstrip().partition(b"\n")[0]
    return first.strip() != b"[" and second.startswith(b"{") and _is_json(second)


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _spans_lines(head: bytes, first: bytes, others: bytes) -> bool:
    """Whether the object at a file's start continues on the next line."""
    if not others:
        return False
    try:
        found, end = json.JSONDecoder().raw_decode(head.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        # broken, or longer than the head
        is_cut = len(head) >= _HEAD_BYTES // 2
        is_opened = first.strip().endswith(_OPENED) and not _is_json(first)
        return is_cut and is_opened and _FIELD_OR_ELEMENT.match(others) is not None
    return bool(found) and end > len(first.decode("utf-8", "replace"))
