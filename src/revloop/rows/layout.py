"""How rows lie in a file: one a line, in an array, as objects over several lines, delimited."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from revloop.files.compression import BYTE_ORDER_MARK
from revloop.rows.delimited import ENDINGS, delimited_rows
from revloop.rows.lines import elements_of, is_array, lines_of, objects_of

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

    from revloop.rows.lines import Item
    from revloop.rows.row import Position

_LOOKED_AT_BYTES = 2**16
_OPENED = (b"{", b"[", b",", b":")
_FIELD_OR_ELEMENT = re.compile(rb'\s+["{\[\d\-tfn]|"[^"\n]*"\s*:')


class Layout(StrEnum):
    """How rows lie in a file."""

    LINES = "lines"
    ARRAY = "array"
    OBJECTS = "objects"
    DELIMITED = "delimited"


def items_in(
    file: io.BufferedReader,
    name: str,
    max_bytes: int,
    *,
    after: Position | None = None,
    seekable: bool = False,
) -> Iterator[Item]:
    """The rows of an unpacked file that is not a table.

    Args:
        file: At its start.
        name: The file's name.
        max_bytes: About the most that one row may take.
        after: Go on after this row.
        seekable: Whether the file can be entered in the middle, if its rows are lines.

    Raises:
        InputError: It is broken in a place behind which no row can be told from another.
    """
    layout = layout_of(file, name)
    if layout is Layout.DELIMITED:
        yield from delimited_rows(file, name, max_bytes, after=after)
    elif layout is Layout.ARRAY:
        yield from elements_of(file, max_bytes, after=after)
    elif layout is Layout.OBJECTS:
        yield from objects_of(file, max_bytes, after=after)
    else:
        yield from lines_of(file, max_bytes, after=after, seekable=seekable)


def layout_of(file: io.BufferedReader, name: str) -> Layout:
    """How the rows of a file lie, by its beginning; only delimited ones are known by their name.

    What might be lines, the first of which is broken, is lines: a bad row costs only itself.

    Args:
        file: At its start; nothing is taken from it.
        name: The file's name.
    """
    if any(ending in Path(name).suffixes for ending in ENDINGS):
        return Layout.DELIMITED
    head = file.peek(_LOOKED_AT_BYTES)[:_LOOKED_AT_BYTES].removeprefix(BYTE_ORDER_MARK).lstrip()
    first, _, others = head.partition(b"\n")
    if is_array(file):
        return Layout.LINES if _is_line(first, others) else Layout.ARRAY
    if head.startswith(b"{") and _spans_lines(head, first, others):
        return Layout.OBJECTS
    return Layout.LINES


def _is_line(first: bytes, others: bytes) -> bool:
    """Whether the start of an array is a line of its own, and so a row that is no object."""
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
    """Whether the object at the start of a file goes on in the next lines."""
    if not others:
        return False
    try:
        found, end = json.JSONDecoder().raw_decode(head.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        # broken, or longer than what was looked at
        is_cut = len(head) >= _LOOKED_AT_BYTES // 2
        is_opened = first.strip().endswith(_OPENED) and not _is_json(first)
        return is_cut and is_opened and _FIELD_OR_ELEMENT.match(others) is not None
    return bool(found) and end > len(first.decode("utf-8", "replace"))
