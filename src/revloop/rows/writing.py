"""Writing trajectories, in whole files or not at all."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from revloop.rows.row import Rejected
    from revloop.trajectory import Trajectory


class TrajectoryWriter(Protocol):
    """Takes trajectories, one after the other."""

    def write(self, trajectory: Trajectory, rest: Mapping[str, Any]) -> None:
        """Write one, with the other fields of its row."""


@contextmanager
def open_output(path: Path, *, final_only: bool = False) -> Iterator[TrajectoryWriter]:
    """A file of trajectories; it gets its name when the block ends without an error.

    Args:
        path: JSONL (plain, ``.gz`` or ``.zst``) or ``.parquet``, by its ending; ``-``: standard
            output.
        final_only: Each row as it came in, with ``response`` replaced by the last version and the
            one that came in under ``original_response``; else the whole trajectory.

    Raises:
        InputError: It cannot be written.
        MissingExtraError: It takes a library that is not installed.
    """
    raise NotImplementedError


class RejectsWriter:
    """Writes the rows that cannot be used.

    Attributes:
        count: How many there were.
    """

    count: int

    def write(self, rejected: Rejected) -> None:
        """Write one."""


@contextmanager
def open_rejects(output: Path) -> Iterator[RejectsWriter]:
    """The file beside an output for rows that cannot be used: ``OUTPUT.rejected.jsonl``.

    It is there after the block if there was such a row; one from an earlier run is removed. Beside
    standard output (``-``) there is none, and rows are only counted.

    Raises:
        InputError: It cannot be written.
    """
    raise NotImplementedError


def rejects_path(output: Path) -> Path | None:
    """Where the rejected rows of an output go; None for standard output."""
    return None if str(output) == "-" else output.with_name(f"{output.name}.rejected.jsonl")
