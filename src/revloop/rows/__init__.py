"""Drafts in, trajectories out: the files that a batch reads and writes."""

from revloop.files.compression import STANDARD_OUTPUT
from revloop.rows.reading import AUTO, FORMAT_NAMES, read_rows
from revloop.rows.row import DEFAULT_ROW_BYTES, Position, RawRow, Rejected, Row
from revloop.rows.writing import (
    RejectsWriter,
    TrajectoryWriter,
    open_output,
    open_rejects,
    rejects_path,
)

__all__ = [
    "AUTO",
    "DEFAULT_ROW_BYTES",
    "FORMAT_NAMES",
    "STANDARD_OUTPUT",
    "Position",
    "RawRow",
    "Rejected",
    "RejectsWriter",
    "Row",
    "TrajectoryWriter",
    "open_output",
    "open_rejects",
    "read_rows",
    "rejects_path",
]
