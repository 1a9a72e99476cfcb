"""Drafts in, trajectories out: the files that a batch reads and writes."""

from revloop.rows.reading import DEFAULT_ROW_BYTES, read_rows
from revloop.rows.row import Position, Rejected, Row
from revloop.rows.writing import (
    RejectsWriter,
    TrajectoryWriter,
    open_output,
    open_rejects,
    rejects_path,
)

__all__ = [
    "DEFAULT_ROW_BYTES",
    "Position",
    "Rejected",
    "RejectsWriter",
    "Row",
    "TrajectoryWriter",
    "open_output",
    "open_rejects",
    "read_rows",
    "rejects_path",
]
