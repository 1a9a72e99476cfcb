"""The rows of a run's input: their trajectories, begun and read back in input order."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from revloop.rows.row import Position, Rejected
from revloop.store.file import readable
from revloop.store.spending import stored_spending
from revloop.store.stored_trajectory import StoredTrajectory, end_in, versions_of
from revloop.trajectory import Draft, StopReason, Trajectory
from revloop.values import json_text, read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from revloop.rows.row import Row
    from revloop.store.commits import GroupCommits
    from revloop.trajectory import Spending

    NameTrajectory = Callable[[Row, str], str]

_IDS_OF_TRAJECTORIES = (
    "SELECT draft_id, content, key, NULL FROM trajectories "
    "WHERE run = ? AND draft_id IN (VALUES {rows})"
)
_IDS_OF_ROWS = (
    "SELECT r.draft_id, t.content, t.key, min(r.number) "
    "FROM rows r JOIN trajectories t ON t.key = r.trajectory "
    "WHERE r.run = ? AND r.draft_id IN (VALUES {rows}) GROUP BY r.draft_id"
)
_TRAJECTORY_OF_CONTENT = (
    "SELECT content, min(key) FROM trajectories "
    "WHERE run = ? AND content IN (VALUES {rows}) GROUP BY content"
)
_ENDED_SO = (
    "SELECT key, id, draft, ending FROM trajectories "
    "WHERE run = :run AND reason IS :reason AND key > :after ORDER BY key LIMIT 64"
)
_ENDED_AFTER = (
    "SELECT key, id, draft, ending FROM trajectories "
    "WHERE run = :run AND reason = :reason AND rounds = :rounds AND key > :after "
    "ORDER BY key LIMIT 64"
)
_NEXT_ROWS = (
    "SELECT r.number, r.draft_id, r.rest, t.key, t.id, t.draft, t.ending "
    "FROM rows r JOIN trajectories t ON t.key = r.trajectory "
    "WHERE r.run = ? AND r.number > ? ORDER BY r.number LIMIT 64"
)
_ROWS_NAMED = _NEXT_ROWS.replace("ORDER BY", "AND r.draft_id IN (?, ?) ORDER BY")
_FAILURES = tuple(reason.value for reason in StopReason if reason.is_failure)


@dataclass(frozen=True, slots=True)
class InputState:
    """What a run knows about its input.

    Attributes:
        name: The input's name when the run began.
        fingerprint: Detects a changed input; None for a stream.
        position: The last row that was begun or rejected; None: nothing was read yet.
        is_whole: Whether all rows have been read.
    """

    name: str
    fingerprint: str | None
    position: Position | None = None
    is_whole: bool = False


class RunRows:
    """The rows of one run's input."""

    def __init__(self, commits: GroupCommits, run: int) -> None:
        self._commits = commits
        self._file = commits.file
        self._run = run

    def input(self) -> InputState | None:
        """What is known about the input; None if the run has none."""
        sql = "SELECT name, fingerprint, last, end_offset, is_whole FROM inputs WHERE run = ?"
        for name, fingerprint, last, end_offset, is_whole in self._file.rows(sql, (self._run,)):
            position = None if last is None else Position(last, end_offset)
            return InputState(name, fingerprint, position, bool(is_whole))
        return None

    def begin(
        self,
        state: InputState,
        rows: Sequence[Row],
        rejects: Sequence[Rejected] = (),
        *,
        name: NameTrajectory,
        share: bool,
    ) -> tuple[list[StoredTrajectory], list[Rejected]]:
        """Commit rows, rejects and how far the input has been read, in one transaction.

        Rows with the same id and content share the trajectory of the first; so do rows with
        different ids if ``share`` is set. A row that has another row's id, but other content, is
        rejected.

        Args:
            state: State of the input after these rows.
            rows: In input order.
            rejects: Rows that could not be read.
            name: Gives a row and its draft's content digest a trajectory id.
            share: Whether rows with the same content, but different ids, share a trajectory.

        Returns:
            The new trajectories in the order of their rows, and the rows that this rejected.
        """
        contents = [row.draft.content_with(row.draft.extra) for row in rows]
        with self._file.transaction():
            sorting = _Sorting(self._commits, self._next_key(), name=name, share=share)
            sorting.known_ids.update(self._known_ids(rows))
            sorting.known_contents.update(self._known_contents(contents))
            for row, content in zip(rows, contents, strict=True):
                sorting.sort(row, content)
            self._write(state, sorting, [*rejects, *sorting.rejects])
        return [trajectory for trajectory, _ in sorting.begun], sorting.rejects

    def pending(self, *, iterations: int, retry_failed: bool = False) -> Iterator[StoredTrajectory]:
        """Trajectories with rounds left to do, a few in memory at a time, oldest first.

        Those that have not ended, those that finished with fewer rounds than ``iterations``, and
        failed ones if ``retry_failed`` is set. A trajectory that changes meanwhile is not returned
        twice: each kind is read on from the last key that was returned of any kind.
        """
        done = StopReason.ROUNDS_DONE.value
        kinds = [self._ended(None), *(self._ended(done, rounds) for rounds in range(iterations))]
        if retry_failed:
            kinds += [self._ended(why, rounds) for why in _FAILURES for rounds in range(iterations)]
        return heapq.merge(*kinds, key=lambda trajectory: trajectory.key)

    def counts(self) -> dict[tuple[StopReason | None, int], int]:
        """Number of trajectories by reason of their end (None: not ended) and rounds done."""
        rows = self._file.rows(
            "SELECT reason, rounds, count(*) FROM trajectories WHERE run = ? GROUP BY 1, 2",
            (self._run,),
        )
        return {
            (None if reason is None else StopReason(reason), rounds or 0): number
            for reason, rounds, number in rows
        }

    def trajectories(self, name: str | None = None) -> Iterator[Trajectory]:
        """Each row's trajectory in input order, a few in memory at a time.

        Its draft has the row's own id, and the row's other fields in ``extra``. Rows without a
        version yet are left out.

        Args:
            name: Only rows with this id.
        """
        after: int | None = 0
        while after is not None:
            found, after = self._next_rows(after, name)
            yield from found

    def rejects(self) -> Iterator[Rejected]:
        """All rejected rows in input order."""
        after = 0
        sql = (
            "SELECT number, reason, raw FROM rejects WHERE run = ? AND number > ? "
            "ORDER BY number LIMIT 1"  # a raw row may be megabytes long
        )
        while found := self._file.rows(sql, (self._run, after)):
            ((after, reason, raw),) = found
            yield Rejected(after, reason, raw)

    def spending(self) -> Spending:
        """What the run's rounds took, those that made no version included."""
        return stored_spending(self._file, self._run)

    def reject_count(self) -> int:
        """Number of rejected rows."""
        return self._count("SELECT count(*) FROM rejects WHERE run = ?")

    def row_count(self) -> int:
        """Number of rows that have a trajectory."""
        return self._count("SELECT count(*) FROM rows WHERE run = ?")

    def _count(self, sql: str) -> int:
        count: int = self._file.rows(sql, (self._run,))[0][0]
        return count

    def _next_key(self) -> int:
        key: int = self._file.rows("SELECT coalesce(max(key), 0) + 1 FROM trajectories")[0][0]
        return key

    def _known_ids(self, rows: Sequence[Row]) -> Iterator[tuple[str, _Known]]:
        ids = list({row.draft.key for row in rows})
        for sql in (_IDS_OF_TRAJECTORIES, _IDS_OF_ROWS):
            for draft_id, content, key, number in self._file.rows_for(sql, self._run, ids):
                yield draft_id, _Known(content, key, number)

    def _known_contents(self, contents: Sequence[str]) -> Iterator[tuple[str, int]]:
        wanted = list(set(contents))
        for content, key in self._file.rows_for(_TRAJECTORY_OF_CONTENT, self._run, wanted):
            yield str(content), key

    def _write(self, state: InputState, sorting: _Sorting, rejects: Sequence[Rejected]) -> None:
        self._file.write_many(
            "INSERT INTO trajectories (key, run, draft_id, id, draft, content) VALUES {rows}",
            [
                (new.key, self._run, new.draft.key, new.id, new.draft.to_json(), content)
                for new, content in sorting.begun
            ],
        )
        self._file.write_many(
            "INSERT INTO rows (run, number, trajectory, draft_id, rest) VALUES {rows}",
            [(self._run, *placed) for placed in sorting.placed],
        )
        self._file.write_many(
            "INSERT INTO rejects (run, number, reason, raw) VALUES {rows}",
            [(self._run, bad.number, bad.reason, bad.raw) for bad in rejects],
        )
        last = state.position
        self._file.write(
            "INSERT OR REPLACE INTO inputs "
            "(run, name, fingerprint, last, end_offset, is_whole) VALUES (?, ?, ?, ?, ?, ?)",
            (
                self._run,
                state.name,
                state.fingerprint,
                None if last is None else last.number,
                None if last is None else last.end_offset,
                int(state.is_whole),
            ),
        )

    def _ended(self, reason: str | None, rounds: int | None = None) -> Iterator[StoredTrajectory]:
        """Trajectories that ended for a reason (None: not ended) after some rounds (None: any)."""
        after = 0
        while found := self._next_ended(reason, rounds, after):
            yield from found
            after = found[-1].key

    def _next_ended(
        self, reason: str | None, rounds: int | None, after: int
    ) -> list[StoredTrajectory]:
        sql = _ENDED_SO if rounds is None else _ENDED_AFTER
        values = {"run": self._run, "reason": reason, "rounds": rounds, "after": after}
        with self._file.moment(), readable(self._file.path):
            return [
                StoredTrajectory(
                    id_,
                    Draft.from_json(draft),
                    versions_of(self._file, key),
                    end_in(ending),
                    key=key,
                    commits=self._commits,
                )
                for key, id_, draft, ending in self._file.rows(sql, values)
            ]

    def _next_rows(self, after: int, name: str | None) -> tuple[list[Trajectory], int | None]:
        """The trajectories of the next rows, and the last row's number; None: no rows are left."""
        with self._file.moment(), readable(self._file.path):
            if name is None:
                rows = self._file.rows(_NEXT_ROWS, (self._run, after))
            else:
                rows = self._file.rows(_ROWS_NAMED, (self._run, after, name, json_text(name)))
            found = [self._trajectory(row) for row in rows]
        last = rows[-1][0] if rows else None
        return [trajectory for trajectory in found if trajectory is not None], last

    def _trajectory(self, row: tuple[Any, ...]) -> Trajectory | None:
        _, draft_id, rest, key, id_, draft_text, ending = row
        if not (versions := versions_of(self._file, key)):
            return None
        draft = Draft.from_json(draft_text)
        if draft.key != draft_id:
            draft = draft.model_copy(update={"id": read_json(draft_id)})
        trajectory = Trajectory(id=id_, draft=draft, versions=tuple(versions), end=end_in(ending))
        return trajectory.with_extra(read_json(rest))


@dataclass(frozen=True, slots=True)
class _Known:
    """What has a draft id: its content, its trajectory, and its row if it came in one."""

    content: str
    key: int
    number: int | None


class _Sorting:
    """Sorts rows into those that begin a trajectory, share one, or clash with another row."""

    def __init__(
        self, commits: GroupCommits, next_key: int, *, name: NameTrajectory, share: bool
    ) -> None:
        self.known_ids: dict[str, _Known] = {}
        self.known_contents: dict[str, int] = {}
        self.begun: list[tuple[StoredTrajectory, str]] = []
        self.placed: list[tuple[int, int, str, str]] = []
        self.rejects: list[Rejected] = []
        self._commits = commits
        self._next_key = next_key
        self._name = name
        self._share = share

    def sort(self, row: Row, content: str) -> None:
        """Place a row; call it for each, in input order."""
        draft_id = row.draft.key
        known = self.known_ids.get(draft_id)
        if known is not None and known.content != content:
            self.rejects.append(row.rejected(_clash(row, known)))
            return
        key = None if known is None else known.key
        if key is None and self._share:
            key = self.known_contents.get(content)
        if key is None:
            key = self._begin(row, content)
        if known is None or known.number is None:
            self.known_ids[draft_id] = _Known(content, key, row.number)
        self.known_contents.setdefault(content, key)
        self.placed.append((row.number, key, draft_id, json_text(row.rest)))

    def _begin(self, row: Row, content: str) -> int:
        key, self._next_key = self._next_key, self._next_key + 1
        trajectory = StoredTrajectory(
            self._name(row, content), row.draft, key=key, commits=self._commits
        )
        self.begun.append((trajectory, content))
        return key


def _clash(row: Row, known: _Known) -> str:
    where = "of a draft in the store" if known.number is None else f"of line {known.number}"
    draft = row.draft
    shown = f"'{draft.id}'" if isinstance(draft.id, str) else draft.key
    return f"line {row.number}: the id {shown} is that {where}, which has other content"
