"""Rows of ``.csv`` and ``.tsv`` files: a line with the names of the fields, then records."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from revloop.errors import InputError
from revloop.files.compression import BYTE_ORDER_MARK
from revloop.rows.lines import Item
from revloop.values import json_text

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

    from revloop.rows.row import Position

ENDINGS = (".csv", ".tsv")

_TAB = "\t"
_DELIMITERS = (",", ";", _TAB)
_NOT_UTF_8 = (
    "not UTF-8 (iconv -f WINDOWS-1252 -t UTF-8 FILE > utf8.csv, if it is from a spreadsheet)"
)


def delimited_rows(
    file: io.BufferedReader, name: str, max_bytes: int, *, after: Position | None = None
) -> Iterator[Item]:
    """The records of a file, one in memory at a time; an empty cell is null.

    A field in quotation marks may hold delimiters, line ends and doubled quotation marks
    (RFC 4180). In ``.csv`` the delimiter is a comma, a semicolon or a tab: whichever makes most
    fields of the first line.

    Args:
        file: At its start.
        name: The file's name.
        max_bytes: About the most that one record may take.
        after: Go on after this record.

    Raises:
        InputError: A name stands twice in the first line, or a record is too long or never ends,
            so that what follows cannot be told apart.
    """
    # the limit is one for the whole process, and only ever raised
    csv.field_size_limit(max(csv.field_size_limit(), max_bytes))
    lines = _Lines(file, name, max_bytes)
    reader = csv.reader(lines, delimiter=_delimiter(lines.peek(), name), strict=True)
    names = _next(reader, lines)
    if isinstance(names, str):
        raise InputError(f"{name}: the names of the fields in the first line are {names}.")
    if names is None:
        return
    if twice := next((one for one in names if names.count(one) > 1), None):
        raise InputError(f"{name}: two fields have the name '{twice}' in the first line.")
    passed = after.number if after else 0
    while (record := _next(reader, lines)) is not None:
        if record == []:
            continue
        lines.record += 1
        if lines.record > passed:
            yield _item(lines.record, names, record)


def _item(number: int, names: list[str], record: list[str] | str) -> Item:
    if isinstance(record, str):
        return Item(number, b"", fault=record)
    if any(not cell.isascii() and _is_broken(cell) for cell in record):
        return Item(number, ",".join(record).encode("utf-8", "surrogateescape"), fault=_NOT_UTF_8)
    if len(record) != len(names):
        fault = f"{len(record)} fields, where the first line names {len(names)}"
        return Item(number, json_text(record).encode(), fault=fault)
    return Item(number, {one: cell or None for one, cell in zip(names, record, strict=True)})


def _is_broken(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return True
    return False


def _next(reader: Iterator[list[str]], lines: _Lines) -> list[str] | str | None:
    """The next record, or what is wrong with it; None at the end."""
    lines.begin()
    try:
        return next(reader, None)
    except csv.Error as exc:
        if lines.is_over:
            raise lines.never_ends() from exc
        return f"not a record of a delimited file: {exc}"


def _delimiter(line: str, name: str) -> str:
    if ".tsv" in Path(name).suffixes:
        return _TAB
    return max(
        _DELIMITERS, key=lambda delimiter: len(next(csv.reader([line], delimiter=delimiter)))
    )


class _Lines:
    """The lines of a file as text, none longer than a record may be.

    Attributes:
        record: Number of the record that is being read, from 1; 0 for the first line.
        is_over: Whether the file has ended.
    """

    def __init__(self, file: io.BufferedReader, name: str, max_bytes: int) -> None:
        self.record = 0
        self.is_over = False
        self._file, self._name, self._max_bytes = file, name, max_bytes
        self._size = 0
        self._first: str | None = self._read().removeprefix(BYTE_ORDER_MARK.decode())

    def peek(self) -> str:
        """The first line."""
        return self._first or ""

    def begin(self) -> None:
        """A record begins."""
        self._size = 0

    def never_ends(self) -> InputError:
        """What is wrong with a record that is too long, or has no end."""
        return InputError(
            f"{self._name}: record {self.record + 1} never ends, or is longer than "
            f"{self._max_bytes:,} bytes. A quotation mark in it is opened and not closed; what "
            "follows cannot be told apart."
        )

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self._first is not None:
            line, self._first = self._first, None
        else:
            line = self._read()
        if not line:
            self.is_over = True
            raise StopIteration
        return line

    def _read(self) -> str:
        raw = self._file.readline(self._max_bytes + 1)
        self._size += len(raw)
        if self._size > self._max_bytes:
            raise self.never_ends()
        # bytes that are no UTF-8 become the fault of the record that they are in
        return raw.decode("utf-8", "surrogateescape")
