"""Group commit: additions queued while one commit runs go into the next.

A commit costs one disk sync, a few milliseconds, whatever its size. So a thread takes everything
queued, commits it in one transaction and wakes the waiting tasks (as databases do: DeWitt et al.
1984, "Implementation Techniques for Main Memory Database Systems").
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from revloop.errors import StoreError
from revloop.trajectory import End, Version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.store.file import StoreFile

_ADD_VERSIONS = (
    "INSERT INTO versions (trajectory, round, version) VALUES {rows} ON CONFLICT DO NOTHING"
)
_VERSION = "SELECT version FROM versions WHERE trajectory = ? AND round = ?"
_TAKE_ENDS_BACK = (
    "WITH reopened (key) AS (VALUES {rows}) "
    "UPDATE trajectories SET ending = NULL, reason = NULL, rounds = NULL "
    "WHERE key IN (SELECT key FROM reopened) AND ending IS NOT NULL"
)
_SET_ENDS = (
    "WITH ended (key, ending, reason, rounds) AS (VALUES {rows}) "
    "UPDATE trajectories SET ending = ended.ending, reason = ended.reason, rounds = ended.rounds "
    "FROM ended WHERE trajectories.key = ended.key "
    "AND ended.rounds = (SELECT max(round) FROM versions WHERE trajectory = ended.key)"
)


@dataclass(frozen=True, slots=True)
class Addition:
    """A version or an end, added to a trajectory.

    Attributes:
        key: The trajectory's key in the store.
        what: The version or the end.
        round: The version's round, or the last round before the end.
    """

    key: int
    what: Version | End
    round: int


def add_all(file: StoreFile, additions: Sequence[Addition]) -> list[bool]:
    """Commit additions in one transaction.

    Of several versions of one round, the first is kept. An end is left out if the trajectory has
    versions of later rounds.

    Returns:
        Whether each was added; False for a version of a round that was there already.

    Raises:
        StoreError: None of them was committed.
    """
    added: list[bool] = []
    versions: dict[tuple[int, int], str] = {}
    ends: list[tuple[int, str, str, int]] = []
    for addition in additions:
        key, what, place = addition.key, addition.what, (addition.key, addition.round)
        if isinstance(what, Version):
            added.append(place not in versions)
            versions.setdefault(place, what.model_dump_json())
        else:
            added.append(True)
            ends.append((key, what.model_dump_json(), what.reason.value, addition.round))
    with file.transaction():
        rows = [(*place, text) for place, text in versions.items()]
        if file.write_many(_ADD_VERSIONS, rows) < len(rows):
            rows = [row for row in rows if file.rows(_VERSION, row[:2]) == [row[2:]]]
        file.write_many(_TAKE_ENDS_BACK, [(key,) for key, *_ in rows])
        file.write_many(_SET_ENDS, ends)
    new = {row[:2] for row in rows}
    return [
        first and (isinstance(one.what, End) or (one.key, one.round) in new)
        for first, one in zip(added, additions, strict=True)
    ]


class GroupCommits:
    """Commits additions from any number of tasks, in its own thread, started on demand.

    Attributes:
        file: The store's file.
    """

    def __init__(self, file: StoreFile) -> None:
        self.file = file
        self._queue: list[_QueuedAddition] = []
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._process = os.getpid()

    async def add(self, addition: Addition) -> bool:
        """Commit an addition; when this returns, it is on disk.

        Returns:
            As for :func:`add_all`.

        Raises:
            StoreError: It could not be committed.
        """
        loop = asyncio.get_running_loop()
        queued = _QueuedAddition(addition, loop, loop.create_future())
        with self._news:
            if self._is_closed:
                raise StoreError(f"{self.file.path} is closed.")
            if self._process != os.getpid():  # a fork does not have the committing thread
                raise StoreError(
                    f"{self.file.path} was opened in another process, which this one was forked "
                    "from: open it in each process."
                )
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="revloop store", daemon=True
                )
                self._thread.start()
            self._queue.append(queued)
            self._news.notify()
        return await queued.future

    def close(self) -> None:
        """Commit what is queued, and end the thread."""
        with self._news:
            self._is_closed = True
            self._news.notify()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while group := self._next_group():
            outcomes = _commit(self.file, [one.addition for one in group])
            _wake(group, outcomes)

    def _next_group(self) -> list[_QueuedAddition]:
        """All that is queued; empty once the store is closed."""
        with self._news:
            self._news.wait_for(lambda: self._queue or self._is_closed)
            group, self._queue = self._queue, []
        return group


@dataclass(frozen=True, slots=True)
class _QueuedAddition:
    addition: Addition
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[bool]


def _commit(file: StoreFile, additions: Sequence[Addition]) -> list[bool | StoreError]:
    """Commit a group; if that fails, commit each addition alone, to isolate the faulty one.

    Every error becomes an outcome: an exception would end the thread, and waiting tasks would hang.
    """
    try:
        return list(add_all(file, additions))
    except BaseException as exc:  # noqa: BLE001 - the waiting task gets it
        if len(additions) > 1:
            return [outcome for one in additions for outcome in _commit(file, [one])]
        return [exc if isinstance(exc, StoreError) else _unstorable(file, exc)]


def _unstorable(file: StoreFile, cause: BaseException) -> StoreError:
    error = StoreError(
        f"Something could not be stored in {file.path}: {type(cause).__name__}: {cause}"
    )
    error.__cause__ = cause
    return error


def _wake(group: Sequence[_QueuedAddition], outcomes: Sequence[bool | StoreError]) -> None:
    """Wake all tasks of an event loop with one call: each call from another thread is slow."""
    by_loop = defaultdict(list)
    for queued, outcome in zip(group, outcomes, strict=True):
        by_loop[queued.loop].append((queued.future, outcome))
    for loop, results in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed, and nothing waits
            loop.call_soon_threadsafe(_settle, results)


def _settle(results: Sequence[tuple[asyncio.Future[bool], bool | StoreError]]) -> None:
    for future, outcome in results:
        if future.done():
            continue  # the task was cancelled
        if isinstance(outcome, StoreError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
