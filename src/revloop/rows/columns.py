"""Rows with fixed columns: JSONL, a JSON array, Parquet or CSV, by the ending of the name."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol

from revloop.files.atomic import translate_write_errors
from revloop.files.compression import compressed, import_pyarrow
from revloop.files.endings import inner_ending
from revloop.rows.parquet import ParquetWriter
from revloop.rows.spreadsheets import guarded
from revloop.rows.writing import output_file
from revloop.values import json_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

ColumnType = Literal["text", "integer", "number", "truth", "turns", "texts", "truths"]
"""What a column holds; "turns" are chat messages with ``role`` and ``content``."""

Columns = Mapping[str, ColumnType]
"""The columns of rows, in order."""

VERSION_COLUMNS: Columns = {
    "id": "text",
    "trajectory_id": "text",
    "prompt": "text",
    "round": "integer",
    "text": "text",
    "characters": "integer",
    "is_kept": "truth",
    "is_changed": "truth",
    "base_round": "integer",
    "critique": "text",
    "score": "number",
    "failed_checks": "integer",
    "model": "text",
    "prompt_tokens": "integer",
    "generated_tokens": "integer",
    "latency_s": "number",
    "end": "text",
    "failed": "truth",
    "extra": "text",
}
"""The columns of :meth:`revloop.Trajectory.to_rows`."""

_NESTED = {"turns", "texts", "truths"}


def is_flat(columns: Columns) -> bool:
    """Whether a spreadsheet can hold the rows: no column holds a list."""
    return not _NESTED & set(columns.values())


def table_of(columns: Columns, rows: Iterable[Mapping[str, Any]]) -> Any:
    """The rows as an Arrow table.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    pa = import_pyarrow("A table")
    return pa.Table.from_pylist(list(rows), schema=_schema(columns))


class RowWriter(Protocol):
    """Writes rows, one after another."""

    def write(self, row: Mapping[str, Any]) -> None:
        """Write one."""


@contextmanager
def open_rows(path: Path, columns: Columns, *, as_array: bool = False) -> Iterator[RowWriter]:
    """A file of rows, which gets its name when the block ends without an error.

    Args:
        path: JSONL, ``.parquet`` or ``.csv``, by its ending; ``-``: JSONL on standard output.
        columns: The columns of all rows; those of JSONL may have others.
        as_array: Write one JSON array instead of JSONL.

    Raises:
        InputError: It cannot be written.
        MissingExtraError: A library that it needs is not installed.
    """
    with output_file(path) as file:
        if path.suffix.lower() == ".parquet":
            with ParquetWriter.on(file, path, _schema(columns)) as parquet:
                yield _ParquetRows(parquet)
            return
        with compressed(file, path) as stream:
            if as_array:
                array = _ArrayWriter(stream, path)
                yield array
                array.finish()
            elif inner_ending(path) == ".csv":
                yield _CsvWriter(stream, path, columns)
            else:
                yield _LinesWriter(stream, path)


class _LinesWriter:
    """Writes a row as a line of JSON."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path = file, path

    def write(self, row: Mapping[str, Any]) -> None:
        with translate_write_errors(self._path):
            self._file.write(f"{json_text(row)}\n".encode())


class _ArrayWriter(_LinesWriter):
    """Writes rows as one JSON array."""

    _before = "["

    def write(self, row: Mapping[str, Any]) -> None:
        with translate_write_errors(self._path):
            self._file.write(f"{self._before}\n{json_text(row)}".encode())
        self._before = ","

    def finish(self) -> None:
        """Close the array."""
        end = "[]\n" if self._before == "[" else "\n]\n"
        with translate_write_errors(self._path):
            self._file.write(end.encode())


class _CsvWriter:
    """Writes a row as a line of CSV without formulas."""

    def __init__(self, file: BinaryIO, path: Path, columns: Columns) -> None:
        self._file, self._path, self._columns = file, path, columns
        self._line = io.StringIO()
        # quote every text: a bare carriage return in one would end its row
        self._csv = csv.writer(self._line, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        self._write_line("\ufeff", list(columns))  # spreadsheets may guess another encoding

    def write(self, row: Mapping[str, Any]) -> None:
        cells = (row.get(name) for name in self._columns)
        self._write_line("", [guarded("" if cell is None else cell) for cell in cells])

    def _write_line(self, before: str, cells: Sequence[object]) -> None:
        self._csv.writerow(cells)
        with translate_write_errors(self._path):
            self._file.write(f"{before}{self._line.getvalue()}".encode())
        self._line.seek(0)
        self._line.truncate()


class _ParquetRows:
    """Writes a row to a Parquet file."""

    def __init__(self, writer: ParquetWriter) -> None:
        self._writer = writer

    def write(self, row: Mapping[str, Any]) -> None:
        self._writer.write(row, _characters(row))


def _characters(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(_characters, value.values()))
    return sum(map(_characters, value)) if isinstance(value, Sequence) else 0


def _schema(columns: Columns) -> Any:
    pa = import_pyarrow("Parquet")
    text = pa.string()
    types = {
        "text": text,
        "integer": pa.int64(),
        "number": pa.float64(),
        "truth": pa.bool_(),
        "turns": pa.list_(pa.struct([("role", text), ("content", text)])),
        "texts": pa.list_(text),
        "truths": pa.list_(pa.bool_()),
    }
    return pa.schema([(name, types[kind]) for name, kind in columns.items()])
