"""Reading records from JSONL: a line that cannot be used becomes a finding, the others are read."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pydantic import Field, ValidationError

from revloop.files.compression import decompressed, open_input, translate_read_errors
from revloop.records.record import Record
from revloop.rows.layout import FileLayout, layout_of
from revloop.rows.lines import lines_of
from revloop.rows.parsing import json_fault
from revloop.rows.row import DEFAULT_ROW_BYTES
from revloop.values import Frozen, explain, read_any_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from revloop.rows.row import RawRow

_ARRAY = "a JSON array: write one object per line (jq -c '.[]' FILE)"
_NOT_LINES = {
    FileLayout.ARRAY: _ARRAY,
    FileLayout.OBJECTS: "JSON over several lines: write one object per line (jq -c . FILE)",
    FileLayout.DELIMITED: "a file of delimited values: records are JSON, one object per line",
}


class FindingKind(StrEnum):
    """What is wrong with a line."""

    UNREADABLE = "unreadable"
    MISSING_FIELD = "missing_field"
    INVALID_FIELD = "invalid_field"
    EMPTY_REVISION = "empty_revision"
    OFF_SCALE = "off_scale"
    TOO_LONG = "too_long"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    SAME_ID = "same_id"
    UNCHANGED_REVISION = "unchanged_revision"
    NOT_RENDERED = "not_rendered"

    @property
    def is_error(self) -> bool:
        """Whether the line cannot be used; else it is only a warning."""
        return self not in _WARNINGS


_WARNINGS = {
    FindingKind.NEAR_DUPLICATE,
    FindingKind.SAME_ID,
    # a good response left unchanged teaches a critic to leave good responses alone
    FindingKind.UNCHANGED_REVISION,
    # another prompt set may be able to
    FindingKind.NOT_RENDERED,
}


class Finding(Frozen):
    """What is wrong with one line of a file."""

    line: int = Field(ge=1, description="Line of the file, from 1; of a store: the trajectory.")
    kind: FindingKind
    reason: str = Field(description="For the user: what is wrong, and where.")

    @property
    def is_error(self) -> bool:
        """Whether the line cannot be used; else it is only a warning."""
        return self.kind.is_error


class RecordRow(NamedTuple):
    """The object on one line of a file."""

    line: int
    data: dict[str, Any]


class RecordEntry(NamedTuple):
    """The record on one line of a file."""

    line: int
    record: Record


def read_rows(
    path: Path, *, max_line_bytes: int = DEFAULT_ROW_BYTES
) -> Iterator[RecordRow | Finding]:
    """The objects of a JSONL file (plain, gzip or Zstandard), one in memory at a time.

    A file that does not have one object per line is one finding.

    Args:
        path: The file.
        max_line_bytes: A longer line is a finding, and never held in memory as a whole.

    Raises:
        InputError: The file cannot be read at all.
        MissingExtraError: It is compressed with Zstandard, and pyarrow is not installed.
    """
    name = str(path)
    # absolute, since "-" is a file here: records may be read twice
    with translate_read_errors(name), open_input(str(path.absolute())) as file:
        text = decompressed(file, name)
        if reason := _NOT_LINES.get(layout_of(text, path.name)):
            yield _unreadable(1, reason)
            return
        for line in lines_of(text, max_line_bytes, seekable=False):
            yield _row(line)


def read_records(path: Path) -> Iterator[RecordEntry | Finding]:
    """The records of a JSONL file, one in memory at a time.

    Raises:
        InputError: The file cannot be read at all.
        MissingExtraError: As for :func:`read_rows`.
    """
    for row in read_rows(path):
        yield row if isinstance(row, Finding) else entry_of(row.line, row.data)


def entry_of(line: int, data: object) -> RecordEntry | Finding:
    """A record made from its fields, or what is wrong with them."""
    try:
        return RecordEntry(line, Record.model_validate(data))
    except ValidationError as exc:
        return finding_of(line, exc)


def finding_of(line: int, exc: ValidationError) -> Finding:
    """A validation error as a finding about a line."""
    types = {error["type"] for error in exc.errors(include_url=False, include_input=False)}
    kind = FindingKind.INVALID_FIELD
    if "missing" in types:
        kind = FindingKind.MISSING_FIELD
    elif "empty_revision" in types:
        kind = FindingKind.EMPTY_REVISION
    return Finding(line=line, kind=kind, reason=explain(exc))


def only_entries(
    items: Iterable[RecordEntry | Finding], findings: list[Finding]
) -> Iterator[RecordEntry]:
    """The entries of a mixed stream; its findings are added to ``findings`` as they pass."""
    for item in items:
        if isinstance(item, Finding):
            findings.append(item)
        else:
            yield item


def _row(line: RawRow) -> RecordRow | Finding:
    raw = cast("bytes", line.raw)
    if line.fault is not None:
        return _unreadable(line.number, line.fault)
    try:
        # not read_json, which refuses the whole line for what is wrong in one field
        data = read_any_json(raw.decode())
    except (ValueError, RecursionError) as exc:
        return _unreadable(line.number, json_fault(raw, exc))
    if not isinstance(data, dict):
        return _unreadable(line.number, _ARRAY if isinstance(data, list) else "not a JSON object")
    return RecordRow(line.number, data)


def _unreadable(line: int, reason: str) -> Finding:
    return Finding(line=line, kind=FindingKind.UNREADABLE, reason=reason)
