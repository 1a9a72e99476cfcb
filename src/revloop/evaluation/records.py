"""What of a store is evaluated: its newest run, each trajectory with the fields of its row."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from revloop.store import Store
    from revloop.trajectory import Trajectory


def newest_trajectories(store: Store) -> Iterator[Trajectory]:
    """The trajectories of a store's newest run, few in memory at a time.

    Of a batch: one for each row of its input, in the input's order, so that a text that came twice
    counts twice. The other fields of the row stand in the draft's ``extra``.
    """
    runs = store.runs()
    if not runs:
        return
    rows = store.rows(runs[-1])
    if rows.input() is None:
        yield from store.trajectories(run=runs[-1])
        return
    for row in rows.in_order():
        if row.trajectory is not None:
            yield _with_fields(row.trajectory, row.rest)


def _with_fields(trajectory: Trajectory, fields: Mapping[str, object]) -> Trajectory:
    extra = {**trajectory.draft.extra, **fields}
    draft = trajectory.draft.model_copy(update={"extra": extra})
    return trajectory.model_copy(update={"draft": draft})
