"""Writes a run's trajectories in input order, and the rejected rows beside them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from revloop.loop import first_rounds
from revloop.rows import open_output, open_rejects

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from revloop.options import RunSettings
    from revloop.store import RunRows
    from revloop.trajectory import Trajectory


class FirstFailure(NamedTuple):
    """The first of the trajectories written that lack rounds.

    Attributes:
        draft_id: Its draft's id.
        detail: Why its rounds ended.
    """

    draft_id: str | int | float
    detail: str


class Written(NamedTuple):
    """How the writing of an output ended.

    Attributes:
        is_complete: Whether it was written.
        first_failure: The first trajectory that lacks rounds, if any.
    """

    is_complete: bool
    first_failure: FirstFailure | None


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
) -> Written:
    """Write the trajectories of a run's rows in input order, completely or not at all.

    Args:
        rows: The run's rows.
        output: The file.
        settings: The run's settings.
        iterations: Most rounds to write of each.
        final_only: As for :func:`~revloop.rows.open_output`.
        is_wanted: Called before each row; False cancels.

    Raises:
        InputError: It cannot be written.
    """
    is_complete, first_failure = False, None
    with suppress(_CancelledError), open_output(output, final_only=final_only) as writer:
        for trajectory in rows.trajectories():
            if not is_wanted():
                raise _CancelledError
            wanted = first_rounds(trajectory, settings, iterations)
            writer.write(wanted)
            first_failure = first_failure or _failure_of(wanted)
        is_complete = True
    return Written(is_complete, first_failure)


def _failure_of(trajectory: Trajectory) -> FirstFailure | None:
    failure = trajectory.failure
    return None if failure is None else FirstFailure(trajectory.draft.id, failure.detail)


def write_rejects(rows: RunRows, output: Path) -> None:
    """Write the rejected rows beside an output."""
    with open_rejects(output) as writer:
        for rejected in rows.rejects():
            writer.write(rejected)
