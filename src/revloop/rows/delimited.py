"""Rows of ``.csv`` and ``.tsv`` files: a header line with the fields' names, then records."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from revloop.errors import InputError
from revloop.files.compression import BYTE_ORDER_MARK
from revloop.rows.row import RawRow
from revloop.values import json_text

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

    from revloop.rows.row import Position

ENDINGS = (".csv", ".tsv")

_DELIMITERS = (",", ";", "\t")
_NOT_UTF_8 = (
    "not UTF-8 (if it is from a spreadsheet: iconv -f WINDOWS-1252 -t UTF-8 FILE > utf8.csv)"
)


def delimited_rows(
    file: io.BufferedReader, name: str, max_bytes: int, *, after: Position | None = None
) -> Iterator[RawRow]:
    """The records of a file, one in memory at a time; an empty cell is null.

    A quoted field may hold delimiters, line ends and doubled quotation marks (RFC 4180). In
    ``.csv`` the delimiter is the comma, semicolon or tab that splits the header into most fields.

    Args:
        file: At its start.
        name: The file's name.
        max_bytes: About the most that one record may take.
        after: Resume after this record.

    Raises:
        InputError: The header names a field twice, or a record is too long or never ends, so that
            what follows cannot be split into records.
    """
    # the limit holds for the whole process, so it is only ever raised
    csv.field_size_limit(max(csv.field_size_limit(), max_bytes))
    lines = _BoundedLines(file, name, max_bytes)
    reader = csv.reader(lines, delimiter=_delimiter(lines.header, name), strict=True)
    names = _next(reader, lines)
    if isinstance(names, str):
        raise InputError(f"{name}: the header line is {names}.")
    if names is None:
        return
    if twice := next((one for one in names if names.count(one) > 1), None):
        raise InputError(f"{name}: the header line names '{twice}' twice.")
    skipped = after.number if after else 0
    while (record := _next(reader, lines)) is not None:
        if record == []:
            continue
        lines.record += 1
        if lines.record > skipped:
            yield _raw_row(lines.record, names, record)


def _raw_row(number: int, names: list[str], record: list[str] | str) -> RawRow:
    if isinstance(record, str):
        return RawRow(number, b"", fault=record)
    if any(not cell.isascii() and _is_broken(cell) for cell in record):
        raw = ",".join(record).encode("utf-8", "surrogateescape")
        return RawRow(number, raw, fault=_NOT_UTF_8)
    if len(record) != len(names):
        fault = f"{len(record)} fields, but the header line has {len(names)}"
        return RawRow(number, json_text(record).encode(), fault=fault)
    return RawRow(number, {one: cell or None for one, cell in zip(names, record, strict=True)})


def _is_broken(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return True
    return False


def _next(reader: Iterator[list[str]], lines: _BoundedLines) -> list[str] | str | None:
    """The next record, or what is wrong with it; None at the end."""
    lines.begin_record()
    try:
        return next(reader, None)
    except csv.Error as exc:
        if lines.is_over:
            raise lines.never_ends() from exc
        return f"not a record of a delimited file: {exc}"


def _delimiter(header: str, name: str) -> str:
    if ".tsv" in Path(name).suffixes:
        return "\t"
    return max(_DELIMITERS, key=lambda one: len(next(csv.reader([header], delimiter=one))))


class _BoundedLines:
    """The lines of a file as text, with a limit on the length of a record.

    Attributes:
        header: The first line.
        record: Number of the record that is being read, from 1; 0 for the header.
        is_over: Whether the file has ended.
    """

    def __init__(self, file: io.BufferedReader, name: str, max_bytes: int) -> None:
        self.record = 0
        self.is_over = False
        self._file, self._name, self._max_bytes = file, name, max_bytes
        self._size = 0
        self.header = self._read().removeprefix(BYTE_ORDER_MARK.decode())
        self._is_at_start = True

    def begin_record(self) -> None:
        """Start counting the next record's bytes."""
        self._size = 0

    def never_ends(self) -> InputError:
        """The error for a record that is too long, or has no end."""
        return InputError(
            f"{self._name}: record {self.record + 1} never ends, or is longer than "
            f"{self._max_bytes:,} bytes. A quotation mark in it is never closed, so what follows "
            "cannot be split into records."
        )

    def __iter__(self) -> _BoundedLines:
        return self

    def __next__(self) -> str:
        line = self.header if self._is_at_start else self._read()
        self._is_at_start = False
        if not line:
            self.is_over = True
            raise StopIteration
        return line

    def _read(self) -> str:
        raw = self._file.readline(self._max_bytes + 1)
        self._size += len(raw)
        if self._size > self._max_bytes:
            raise self.never_ends()
        # invalid bytes become a fault of the record that they are in
        return raw.decode("utf-8", "surrogateescape")
