"""Reads the input of a batch a few rows at a time, and begins their trajectories."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from revloop.concurrency import run_in_thread
from revloop.rows import Rejected, Row
from revloop.store import InputState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from revloop.batch.progress import Progress
    from revloop.batch.source import InputSource
    from revloop.store import RunRows, StoredTrajectory
    from revloop.trajectory import Draft

T = TypeVar("T")

_ROWS_AT_A_TIME = 128
_BYTES_AT_A_TIME = 4 * 2**20


class Intake:
    """Reads an input's rows, and begins their trajectories in the store.

    Args:
        source: The input.
        rows: The run's rows in the store.
        name: Gives a draft and its content digest a trajectory id.
        with_fields: Gives a draft those of its row's other fields that decide its versions.
        share: Whether rows with the same prompt and response share one trajectory.
        progress: Counts what comes in.
        on_rejects: Called with the rejected rows of each part.

    Raises:
        InputError: The run began with another input.
    """

    def __init__(
        self,
        source: InputSource,
        rows: RunRows,
        *,
        name: Callable[[Draft, str], str],
        with_fields: Callable[[Draft, dict[str, Any]], Draft],
        share: bool,
        progress: Progress,
        on_rejects: Callable[[list[Rejected]], None],
    ) -> None:
        self._source = source
        self._rows = rows
        self._name = name
        self._with_fields = with_fields
        self._share = share
        self._progress = progress
        self._on_rejects = on_rejects
        known = rows.input()
        if known is not None:
            source.check(known)
        self._state = known or InputState(source.name, source.fingerprint())
        self._unread = source.rows(self._state.position)
        self._size_bytes = source.size_bytes()
        self._note_progress()

    @property
    def is_whole(self) -> bool:
        """Whether all rows of the input are in the store."""
        return self._state.is_whole

    def begin_next(self) -> Sequence[StoredTrajectory]:
        """Read the next rows, and begin their trajectories in one commit.

        Raises:
            InputError: The input cannot be read.
        """
        part = list(_some(self._unread))
        last = part[-1].position if part else self._state.position
        state = InputState(self._state.name, self._state.fingerprint, last, is_whole=not part)
        good = [self._seen(row) for row in part if isinstance(row, Row)]
        bad = [row for row in part if isinstance(row, Rejected)]
        begun, clashes = self._rows.begin(
            state,
            good,
            bad,
            name=lambda row, content: self._name(row.draft, content),
            share=self._share,
        )
        self._state = state
        self._progress.entered += len(begun)
        self._progress.rejected += len(bad) + len(clashes)
        self._note_progress()
        if bad or clashes:
            self._on_rejects(sorted([*bad, *clashes], key=lambda one: one.number))
        return begun

    def _seen(self, row: Row) -> Row:
        return replace(row, draft=self._with_fields(row.draft, row.rest))

    def _note_progress(self) -> None:
        self._progress.is_whole = self._state.is_whole
        position = self._state.position
        if position is not None and position.end_offset is not None and self._size_bytes:
            self._progress.read_share = min(1.0, position.end_offset / self._size_bytes)


def _some(rows: Iterator[Row | Rejected]) -> Iterator[Row | Rejected]:
    """The next rows, limited in number and size."""
    size = 0
    for row in islice(rows, _ROWS_AT_A_TIME):
        yield row
        size += len(row.raw)
        if size > _BYTES_AT_A_TIME:
            return


async def in_thread(source: Iterator[T], at_a_time: int) -> AsyncIterator[T]:
    """An iterator's items, fetched in threads, so that it cannot block the event loop.

    A cancelled reader leaves the thread behind if the iterator blocks (on a terminal, say).

    Args:
        source: The iterator; it is not advanced while an item is processed.
        at_a_time: Items to fetch at once.
    """
    while part := await run_in_thread(lambda: list(islice(source, at_a_time))):
        for item in part:
            yield item
