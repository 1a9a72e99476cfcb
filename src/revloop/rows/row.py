"""What comes out of reading: a row that holds a draft, or one that cannot be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revloop.trajectory import Draft

Raw = bytes | dict[str, Any]
"""A row as it was read: a line, or the fields of a table's row."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far an input was read; :func:`~revloop.rows.read_rows` goes on right after it.

    Attributes:
        number: Number of the last row that was read.
        end_offset: Bytes up to the end of that row, where a file can be entered in the middle
            (JSONL that is not packed); else None, and the rows before are passed over.
    """

    number: int
    end_offset: int | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that cannot be used.

    Attributes:
        number: Line of a JSONL file, else the row's number, from 1.
        reason: For a person: what is wrong, and where.
        raw: The line as it stands, bytes that are no UTF-8 by their numbers; of a row of a table,
            its JSON.
        end_offset: As in :class:`Position`.
    """

    number: int
    reason: str
    raw: str
    end_offset: int | None = None

    @property
    def position(self) -> Position:
        """Where to go on after this row."""
        return Position(self.number, self.end_offset)


@dataclass(frozen=True, slots=True)
class Row:
    """A draft with its place in the input.

    Attributes:
        number: Line of a JSONL file, else the row's number, from 1.
        draft: The draft; its ``extra`` is empty.
        rest: The row's other fields, untouched.
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
        """Where to go on after this row."""
        return Position(self.number, self.end_offset)

    def rejected(self, reason: str) -> Rejected:
        """This row as one that cannot be used, for a reason that shows beside other rows only."""
        return Rejected(self.number, reason, shown(self.raw), self.end_offset)


def shown(raw: bytes | Mapping[str, Any]) -> str:
    """A row as text that UTF-8 can carry."""
    line = (
        raw
        if isinstance(raw, bytes)
        else to_json(raw, bytes_mode="base64", inf_nan_mode="constants")
    )
    return line.decode("utf-8", "backslashreplace").rstrip("\r\n")
