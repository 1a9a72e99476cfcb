"""A row on its way in: as it was read, as a draft, or as a reject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import to_json

if TYPE_CHECKING:
    from revloop.trajectory import Draft

DEFAULT_ROW_BYTES = 64 * 2**20

Raw = bytes | dict[str, Any]
"""A row as it was read: a line, or the fields of a table's row."""


class UnusableRow(ValueError):  # noqa: N818 - internal: it becomes a rejected row
    """A row that is not what its format promises; the message says why."""


class RawRow(NamedTuple):
    """A row as it was read, not parsed yet.

    Attributes:
        number: Line of a JSONL file, else the row's number, from 1.
        raw: The line, or the fields of a table's row.
        end_offset: As in :class:`Position`.
        fault: Why it cannot be parsed, if it cannot.
    """

    number: int
    raw: Raw
    end_offset: int | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """How far an input was read; :func:`~revloop.rows.read_rows` resumes right after it.

    Attributes:
        number: Number of the last row that was read.
        end_offset: Offset of that row's end in bytes, if the file can be read from there (JSONL
            that is not compressed); else None, and earlier rows are read again and skipped.
    """

    number: int
    end_offset: int | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that cannot be used.

    Attributes:
        number: Line of a JSONL file, else the row's number, from 1.
        reason: For the user: what is wrong, and where.
        raw: The line, invalid bytes backslash-escaped; of a table's row, its JSON.
        end_offset: As in :class:`Position`.
    """

    number: int
    reason: str
    raw: str
    end_offset: int | None = None

    @property
    def position(self) -> Position:
        """Where reading resumes after this row."""
        return Position(self.number, self.end_offset)


@dataclass(frozen=True, slots=True)
class Row:
    """A draft with its place in the input.

    Attributes:
        number: Line of a JSONL file, else the row's number, from 1.
        draft: The draft; its ``extra`` has only fields that decide its versions.
        rest: The row's other fields, unchanged.
        end_offset: As in :class:`Position`.
        raw: The row as it was read.
    """

    number: int
    draft: Draft
    rest: dict[str, Any]
    end_offset: int | None = None
    raw: Raw = field(default=b"", repr=False, compare=False)

    @property
    def position(self) -> Position:
        """Where reading resumes after this row."""
        return Position(self.number, self.end_offset)

    def rejected(self, reason: str) -> Rejected:
        """This row as a reject, for a reason that shows only beside other rows."""
        return Rejected(self.number, reason, row_text(self.raw), self.end_offset)


def row_text(raw: bytes | Mapping[str, Any]) -> str:
    """A row as text that UTF-8 can encode."""
    if isinstance(raw, Mapping):
        raw = to_json(raw, bytes_mode="base64", inf_nan_mode="constants")
    return raw.decode("utf-8", "backslashreplace").rstrip("\r\n")
