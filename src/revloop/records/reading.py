"""Reading JSONL line by line: a line that cannot be used becomes a finding, and the rest go on."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pydantic import Field, ValidationError

from revloop.errors import InputError
from revloop.files.compression import BUFFER_BYTES
from revloop.records.record import Record
from revloop.rows.layout import Layout, layout_of
from revloop.values import Frozen, explain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

LONGEST_LINE_BYTES = 64 * 2**20
"""A longer line is no record: a packed file of some kilobytes can hold one of many gigabytes."""

_ARRAY = "a JSON array: one object has to stand on each line (jq -c '.[]' FILE makes it so)"
_NO_LINES = {
    Layout.ARRAY: _ARRAY,
    Layout.OBJECTS: "JSON over several lines: one object has to stand on each line (jq -c . FILE "
    "makes it so)",
    Layout.DELIMITED: "a file of delimited values: records are JSON, one object a line",
}


class FindingKind(StrEnum):
    """What is the matter with a line."""

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
        """Whether the line is of no use; else it is only worth a look."""
        return self not in _WORTH_A_LOOK


_WORTH_A_LOOK = {
    FindingKind.NEAR_DUPLICATE,
    FindingKind.SAME_ID,
    # a good response that was left as it is teaches a critic to leave good responses alone
    FindingKind.UNCHANGED_REVISION,
    # another prompt set may be able to
    FindingKind.NOT_RENDERED,
}


class Finding(Frozen):
    """What is the matter with one line of a file."""

    line: int = Field(ge=1, description="Line of the file, from 1; of a store: the trajectory.")
    kind: FindingKind
    reason: str = Field(description="For a person: what is wrong, and where.")

    @property
    def is_error(self) -> bool:
        """Whether the line is of no use; else it is only worth a look."""
        return self.kind.is_error


class Row(NamedTuple):
    """The object on one line of a file."""

    line: int
    data: dict[str, Any]


class Entry(NamedTuple):
    """The record on one line of a file."""

    line: int
    record: Record


def read_rows(path: Path) -> Iterator[Row | Finding]:
    """The objects of a JSONL file, one in memory at a time; ``.gz`` is unpacked on the way.

    A file whose objects do not stand on lines of their own is one finding.

    Raises:
        InputError: The file cannot be read at all.
    """
    with _opened(path) as file:
        if no_lines := _NO_LINES.get(layout_of(file, path.name)):
            yield _unreadable(1, no_lines)
            return
        for number, raw in enumerate(_lines(file), start=1):
            text = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
            if len(raw) > LONGEST_LINE_BYTES:
                yield _unreadable(number, f"longer than {LONGEST_LINE_BYTES // 2**20} MiB")
            elif text.strip():
                yield _row(number, text)


def read_records(path: Path) -> Iterator[Entry | Finding]:
    """The records of a JSONL file, one in memory at a time.

    Raises:
        InputError: The file cannot be read at all.
    """
    for row in read_rows(path):
        yield row if isinstance(row, Finding) else entry_of(row.line, row.data)


def entry_of(line: int, data: object) -> Entry | Finding:
    """A record from its fields, or what is wrong with them."""
    try:
        return Entry(line, Record.model_validate(data))
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


def only_entries(items: Iterable[Entry | Finding], findings: list[Finding]) -> Iterator[Entry]:
    """The entries of a mixed stream; its findings go into ``findings`` as they pass."""
    for item in items:
        if isinstance(item, Finding):
            findings.append(item)
        else:
            yield item


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file; of one that is too long no more than tells that it is."""
    while raw := file.readline(LONGEST_LINE_BYTES + 1):
        yield raw
        while len(raw) > LONGEST_LINE_BYTES and not raw.endswith(b"\n"):
            raw = file.readline(LONGEST_LINE_BYTES + 1)


def _row(line: int, raw: bytes) -> Row | Finding:
    try:
        data = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as exc:
        return _unreadable(line, f"not UTF-8: byte {exc.start} of the line is wrong")
    except json.JSONDecodeError as exc:
        return _unreadable(line, f"not JSON: {exc.msg} at character {exc.pos}")
    except (ValueError, RecursionError) as exc:  # a number of thousands of digits; deep nesting
        return _unreadable(line, f"JSON that cannot be read: {exc}")
    if not isinstance(data, dict):
        reason = _ARRAY if isinstance(data, list) else "no JSON object"
        return _unreadable(line, reason)
    return Row(line, data)


def _unreadable(line: int, reason: str) -> Finding:
    return Finding(line=line, kind=FindingKind.UNREADABLE, reason=reason)


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader]:
    try:
        with path.open("rb", buffering=BUFFER_BYTES) as file:
            if path.suffix == ".gz":
                with gzip.open(file) as unpacked:
                    yield io.BufferedReader(cast("io.RawIOBase", unpacked), BUFFER_BYTES)
            else:
                yield cast("io.BufferedReader", file)
    except OSError as exc:
        raise InputError(f"{path} cannot be read: {exc.strerror or exc}.") from exc
    except (EOFError, zlib.error) as exc:
        raise InputError(f"{path} is cut short or damaged: {exc}.") from exc
