"""Reading drafts from the files that people have, one row in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from revloop.errors import InputError
from revloop.files.compression import (
    STANDARD_INPUT,
    decompressed,
    display_name,
    is_compressed,
    open_input,
    translate_read_errors,
)
from revloop.rows import fastchat, tables
from revloop.rows.formats import NAMES, PLAIN, ROW_FORMATS, Convert
from revloop.rows.layout import raw_rows
from revloop.rows.naming import converted, value_at
from revloop.rows.parsing import parse, with_base64
from revloop.rows.row import DEFAULT_ROW_BYTES, Rejected, Row, UnusableRow, row_text
from revloop.rows.unusable import Defect, hint_for, refuse_if_all_unusable
from revloop.trajectory import Draft
from revloop.values import explain

if TYPE_CHECKING:
    from revloop.rows.row import Position, RawRow

AUTO = "auto"
FORMAT_NAMES = (PLAIN, *(name for name in ROW_FORMATS if name != PLAIN), fastchat.NAME)
"""The names of all formats of rows."""

_LOOKED_AT = 20


def read_rows(
    source: str | Path,
    *,
    format_name: str = AUTO,
    fields: Mapping[str, str] | None = None,
    questions: Path | None = None,
    after: Position | None = None,
    max_row_bytes: int = DEFAULT_ROW_BYTES,
) -> Iterator[Row | Rejected]:
    """The rows of an input, in order; one that cannot be used comes as :class:`Rejected`.

    Args:
        source: A file (JSONL, a JSON array, objects over several lines, ``.csv``, ``.tsv``; plain,
            ``.gz`` or ``.zst``; Parquet), the folder of a saved data set,
            ``hf:OWNER/NAME[:SPLIT]``, or ``-`` for standard input.
        format_name: One of :data:`FORMAT_NAMES`, or "auto" to recognise it from the first rows.
        fields: Our names (``id``, ``prompt``, ``messages``, ``response``) to those of the input, in
            any format; a dot goes one level down, ``-1`` to the last element of a list.
        questions: The questions of FastChat answers; None: ``question.jsonl`` beside them.
        after: Resume after this row of an earlier reading of the same input.
        max_row_bytes: A longer line is rejected, and never held in memory as a whole.

    Raises:
        InputError: The input cannot be read, its format is unknown, or its first 100 rows cannot
            be used, all for the same reason. Raised when the first row is requested, or at the
            point where the input breaks off.
        MissingExtraError: A library that it needs is not installed.
    """
    source, fields = str(source), dict(fields or {})
    check_options(format_name, fields)
    with translate_read_errors(display_name(source)):
        rows = _raw_rows(source, max_row_bytes, None)
        first = first_rows(rows, fields)
        convert = converter(source, first, format_name, fields, questions)
        if after is None:
            rows = chain(first, rows)
        elif _can_read_twice(source):
            rows = _raw_rows(source, max_row_bytes, after)
        else:
            rows = (row for row in chain(first, rows) if row.number > after.number)
        made = (row_of(row, convert) for row in rows)
        yield from made if after else refuse_if_all_unusable(made, defect, display_name(source))


def check_options(format_name: str, fields: Mapping[str, str]) -> None:
    """Check that a format is known and that fields can be mapped.

    Raises:
        InputError: It is unknown, or one cannot.
    """
    if format_name not in {AUTO, *FORMAT_NAMES}:
        known = ", ".join((AUTO, *FORMAT_NAMES))
        raise InputError(f"There is no format '{format_name}'. Known: {known}.")
    if unknown := fields.keys() - set(NAMES):
        raise InputError(f"A draft has no field '{min(unknown)}'. Known: {', '.join(NAMES)}.")


def _raw_rows(source: str, max_bytes: int, after: Position | None) -> Iterator[RawRow]:
    """The rows of any input, after a position if one is given."""
    if source.startswith(tables.HUB):
        return tables.hub_rows(source, after)
    if source != STANDARD_INPUT and Path(source).is_dir():
        return tables.saved_rows(source, after)
    return _file_rows(source, max_bytes, after)


def _file_rows(source: str, max_bytes: int, after: Position | None) -> Iterator[RawRow]:
    with open_input(source) as file:
        if tables.is_parquet(file.peek(4)):
            if not _can_read_twice(source):
                raise InputError(
                    f"{display_name(source)} is Parquet, which cannot be read as a stream."
                )
            yield from tables.parquet_rows(source, after)
            return
        seekable = _can_read_twice(source) and not is_compressed(file)
        text = decompressed(file, display_name(source))
        yield from raw_rows(text, source, max_bytes, after=after, seekable=seekable)


def _can_read_twice(source: str) -> bool:
    """Whether an input is not a pipe, whose rows can be read only once."""
    path = Path(source)
    return source.startswith(tables.HUB) or path.is_dir() or path.is_file()


def first_rows(rows: Iterator[RawRow], fields: Mapping[str, str]) -> list[RawRow]:
    """Rows up to the first whose format is sure, or enough of them to say that none is."""
    found, objects = [], 0
    for row in rows:
        found.append(row)
        for data in _parsed([row]):
            objects += 1
            if format_of(data, fields) or objects == _LOOKED_AT:
                return found
    return found


def format_of(row: Mapping[str, Any], fields: Mapping[str, str]) -> str | None:
    """The format that a row surely has, given other names of fields; None if it is not sure."""
    named = {ours: value_at(row, path) for ours, path in fields.items()}
    row = {**row, **{ours: value for ours, value in named.items() if value is not None}}
    if fastchat.is_answer(row):
        return fastchat.NAME
    return next((name for name, known in ROW_FORMATS.items() if known.is_like(row)), None)


def converter(
    source: str,
    first: list[RawRow],
    format_name: str,
    fields: Mapping[str, str],
    questions: Path | None,
) -> Convert:
    """The function that makes drafts of the rows.

    Raises:
        InputError: None of the first rows has a known format, or a field that was named.
    """
    rows = list(_parsed(first))
    for ours, theirs in fields.items():
        if rows and all(value_at(row, theirs) is None for row in rows):
            raise _nothing_named(display_name(source), rows, theirs, ours)
    if format_name == AUTO and rows:
        known = format_of(rows[-1], fields)
        if known is None:
            raise _nothing_named(display_name(source), rows, "response", "response")
        format_name = known
    if format_name == fastchat.NAME:
        found = fastchat.fastchat(source, questions)
    else:
        found = ROW_FORMATS.get(format_name, ROW_FORMATS[PLAIN])
    return partial(converted, fields=fields, row_format=found) if fields else found.convert


def _nothing_named(name: str, rows: list[Mapping[str, Any]], wanted: str, ours: str) -> InputError:
    present = ", ".join(list(dict.fromkeys(key for row in rows for key in row))[:_LOOKED_AT])
    looked = "first row" if len(rows) == 1 else f"first {len(rows)} rows"
    hint = hint_for(rows[-1]) if wanted == "response" else None
    default = (
        f"Name the field (--field {ours}=NAME) or the format (--format {'|'.join(FORMAT_NAMES)})."
    )
    return InputError(
        f"{name}: there is no '{wanted}'{' that is text' if wanted in rows[-1] else ''} in the "
        f"{looked}. Fields found: {present or 'none'}. {hint or default}"
    )


def _parsed(rows: list[RawRow]) -> Iterator[Mapping[str, Any]]:
    """The fields of the rows that can be parsed."""
    for row in rows:
        try:
            yield parse(row)
        except UnusableRow:
            continue


def defect(row: Row | Rejected) -> Defect | None:
    """What is wrong with a row; None for a usable one."""
    return Defect(row.reason, row.raw) if isinstance(row, Rejected) else None


def row_of(raw_row: RawRow, convert: Convert) -> Row | Rejected:
    """A row with its draft, or why it cannot be used."""
    try:
        row = parse(raw_row)
        fields, rest = convert(row)
        if isinstance(raw_row.raw, Mapping) and row is not raw_row.raw:
            rest = with_base64(rest, raw_row.raw)
        draft = Draft.model_validate(fields)
    except UnusableRow as exc:
        reason = str(exc)
    except ValidationError as exc:
        reason = explain(exc)
    else:
        return Row(raw_row.number, draft, rest, raw_row.end_offset, raw_row.raw)
    return Rejected(raw_row.number, reason, row_text(raw_row.raw), raw_row.end_offset)
