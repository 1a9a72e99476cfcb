"""Reading drafts from whatever people have, one row in memory at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from revloop.rows.row import Position, Rejected, Row

DEFAULT_ROW_BYTES = 64 * 2**20


def read_rows(
    source: str | Path,
    *,
    form: str = "auto",
    fields: Mapping[str, str] | None = None,
    questions: Path | None = None,
    after: Position | None = None,
    max_row_bytes: int = DEFAULT_ROW_BYTES,
) -> Iterator[Row | Rejected]:
    """The rows of an input, in order; one that cannot be used comes as :class:`Rejected`.

    Args:
        source: A file (JSONL or a JSON array, plain, ``.gz`` or ``.zst``; Parquet), the folder of
            a saved dataset, ``hf:OWNER/NAME[:SPLIT]``, or ``-`` for standard input.
        form: One of :data:`FORMS`, or "auto" to recognise it from the first rows.
        fields: Our names (``id``, ``prompt``, ``messages``, ``response``) to those of the input; a
            dot goes one level down.
        questions: The questions of FastChat answers; None: ``question.jsonl`` beside them.
        after: Go on after this row, one of an earlier reading of the same input.
        max_row_bytes: A longer line is rejected, and never held in memory as a whole.

    Raises:
        InputError: The input cannot be read, or is in no form that is known. Raised when the first
            row is asked for, or where the input breaks off.
        MissingExtraError: It takes a library that is not installed.
    """
    raise NotImplementedError
