"""A run's trajectories as a file in the order of its input, and the rows that were rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.loop import first_rounds
from revloop.rows import open_output, open_rejects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from revloop.options import RunSettings
    from revloop.store import RunRows
    from revloop.trajectory import Trajectory


class _NotWantedError(Exception):
    """Takes an unfinished file away again."""


def write_output(
    rows: RunRows,
    output: Path,
    settings: RunSettings,
    *,
    iterations: int,
    final_only: bool = False,
    is_wanted: Callable[[], bool] = lambda: True,
) -> bool:
    """Write the trajectories of a run's rows, in their order, to a file that is whole or not there.

    Args:
        rows: The run's rows.
        output: The file.
        settings: What the run was made with.
        iterations: Most rounds to write of each.
        final_only: As for :func:`~revloop.rows.open_output`.
        is_wanted: Asked before each row whether to go on.

    Returns:
        Whether it was written.

    Raises:
        InputError: It cannot be written.
    """
    try:
        with open_output(output, final_only=final_only) as writer:
            for trajectory in _while_wanted(rows.trajectories(), is_wanted):
                writer.write(first_rounds(trajectory, settings, iterations))
    except _NotWantedError:
        return False
    return True


def write_rejects(rows: RunRows, output: Path) -> None:
    """Write the rows that were rejected beside an output."""
    with open_rejects(output) as writer:
        for rejected in rows.rejects():
            writer.write(rejected)


def _while_wanted(
    trajectories: Iterator[Trajectory], is_wanted: Callable[[], bool]
) -> Iterator[Trajectory]:
    for trajectory in trajectories:
        if not is_wanted():
            raise _NotWantedError
        yield trajectory
