"""Writes a run's trajectories in input order, and the rejected rows beside them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from revloop.loop import first_rounds
from revloop.rows import open_output, open_rejects

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from revloop.options import RunSettings
    from revloop.store import RunRows


class _CancelledError(Exception):
    """Makes the writer delete its unfinished file."""


def write_output(
    rows: RunRows,
    output: Path,
    settings: RunSettings,
    *,
    iterations: int,
    final_only: bool = False,
    is_wanted: Callable[[], bool] = lambda: True,
) -> bool:
    """Write the trajectories of a run's rows in input order, completely or not at all.

    Args:
        rows: The run's rows.
        output: The file.
        settings: The run's settings.
        iterations: Most rounds to write of each.
        final_only: As for :func:`~revloop.rows.open_output`.
        is_wanted: Called before each row; False cancels.

    Returns:
        Whether it was written.

    Raises:
        InputError: It cannot be written.
    """
    is_complete = False
    with suppress(_CancelledError), open_output(output, final_only=final_only) as writer:
        for trajectory in rows.trajectories():
            if not is_wanted():
                raise _CancelledError
            writer.write(first_rounds(trajectory, settings, iterations))
        is_complete = True
    return is_complete


def write_rejects(rows: RunRows, output: Path) -> None:
    """Write the rejected rows beside an output."""
    with open_rejects(output) as writer:
        for rejected in rows.rejects():
            writer.write(rejected)
