"""The rows of an input that a run works through: entered, found again, and given in their order."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from revloop.store.entries import Entry, Run, end_in, trajectory_of, versions_of
from revloop.store.file import places, readable
from revloop.trajectory import Draft, StopReason, Trajectory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from revloop.store.file import StoreFile

_AT_A_TIME = 64
_LARGEST_KEY = 2**63 - 1
_FAILURES = tuple(reason.value for reason in StopReason if reason.is_failure)


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row to be entered.

    Attributes:
        number: Its number in the input, 1 for the first.
        draft: What it holds.
        content: The draft's content digest.
        rest: Its fields that are no part of the draft.
        trajectory_id: The id of the trajectory, if it becomes one of its own.
        raw: The row as it stood in the input, should it be rejected.
    """

    number: int
    draft: Draft
    content: str
    trajectory_id: str
    rest: dict[str, Any] = field(default_factory=dict)
    raw: Any = None


@dataclass(frozen=True, slots=True)
class NewReject:
    """A row that cannot be used: its number, why, and how it stood in the input."""

    number: int
    reason: str
    raw: Any


StoredReject = NewReject


@dataclass(frozen=True, slots=True)
class InputState:
    """What a run knows of its input.

    Attributes:
        name: Its name when the run began.
        fingerprint: Tells whether it is still the same; None for a stream.
        rows_read: Rows that have been entered or rejected.
        position: Where the next row begins; None where that is not known.
        is_whole: Whether all rows have been read.
    """

    name: str
    fingerprint: str | None
    rows_read: int = 0
    position: int | None = None
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """A trajectory that has rounds to come: its place in the store, and its draft."""

    entry: Entry
    draft: Draft


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row as it was entered.

    Attributes:
        number: Its number in the input.
        rest: Its fields that are no part of the draft.
        trajectory: Its trajectory, with the row's own draft id; None if not even begun.
    """

    number: int
    rest: dict[str, Any]
    trajectory: Trajectory | None


class RunRows:
    """The rows of the input that one run works through."""

    def __init__(self, file: StoreFile, run: Run) -> None:
        self._file = file
        self._run = run.id

    def input(self) -> InputState | None:
        """What is known of the input; None if none was begun."""
        sql = (
            "SELECT name, fingerprint, rows_read, position, is_whole FROM inputs WHERE run = ?"
        )
        for name, fingerprint, rows_read, position, is_whole in self._file.rows(sql, (self._run,)):
            return InputState(name, fingerprint, rows_read, position, bool(is_whole))
        return None

    def enter(
        self,
        state: InputState,
        rows: Sequence[NewRow],
        rejects: Sequence[NewReject] = (),
        *,
        share: bool,
    ) -> tuple[list[Pending], list[NewReject]]:
        """Commit rows, rejects and how far the input has been read, all together.

        Rows with the same content share the trajectory of the first where that is wanted, and
        always when they have the same id. A row whose id another row has, with other content, is
        rejected.

        Args:
            state: Of the input, after these rows.
            rows: In their order.
            rejects: Rows that could not be read.
            share: Whether rows with other ids share a trajectory too.

        Returns:
            The trajectories that are new, in the order of their rows, and the rows that this
            rejected.
        """
        with self._file.transaction():
            sorting = _Sorting(self._next_key(), share=share)
            sorting.known_ids.update(self._known_ids(rows))
            sorting.known_contents.update(self._known_contents(rows))
            for row in rows:
                sorting.sort(row)
            self._write(state, sorting, [*rejects, *sorting.rejects])
        return sorting.new, sorting.rejects

    def pending(self, *, iterations: int, retry_failed: bool = False) -> Iterator[Pending]:
        """Trajectories that have rounds to come, few in memory at a time.

        First the failed ones, where they are to be tried again; then those that were finished
        with fewer rounds than ``iterations``; then those that never ended. Each kind in the order
        in which they came in. What becomes of a trajectory meanwhile does not bring it up again.
        """
        if retry_failed:
            for reason in _FAILURES:
                yield from self._ended("reason = ?", (reason,))
        done = StopReason.ROUNDS_DONE.value
        for rounds in range(iterations):
            yield from self._ended("reason = ? AND rounds = ?", (done, rounds))
        yield from self._ended("reason IS NULL", ())

    def counts(self) -> dict[tuple[StopReason | None, int], int]:
        """How many trajectories ended for which reason (None: not yet), after how many rounds."""
        rows = self._file.rows(
            "SELECT reason, rounds, count(*) FROM trajectories WHERE run = ? GROUP BY 1, 2",
            (self._run,),
        )
        return {
            (None if reason is None else StopReason(reason), rounds or 0): number
            for reason, rounds, number in rows
        }

    def in_order(self) -> Iterator[StoredRow]:
        """All rows in the order of the input, few in memory at a time."""
        after = 0
        while found := self._next_rows(after):
            yield from found
            after = found[-1].number

    def rejects(self) -> Iterator[StoredReject]:
        """All rejected rows in the order of the input."""
        after = 0
        sql = (
            "SELECT number, reason, raw FROM rejects WHERE run = ? AND number > ? "
            "ORDER BY number LIMIT 1"  # a raw row may have megabytes
        )
        while found := self._file.rows(sql, (self._run, after)):
            ((after, reason, raw),) = found
            yield StoredReject(after, reason, json.loads(raw))

    def reject_count(self) -> int:
        """Number of rejected rows."""
        sql = "SELECT count(*) FROM rejects WHERE run = ?"
        count: int = self._file.rows(sql, (self._run,))[0][0]
        return count

    def row_count(self) -> int:
        """Number of rows that were entered."""
        sql = "SELECT count(*) FROM rows WHERE run = ?"
        count: int = self._file.rows(sql, (self._run,))[0][0]
        return count

    def _next_key(self) -> int:
        key: int = self._file.rows("SELECT coalesce(max(key), 0) + 1 FROM trajectories")[0][0]
        return key

    def _known_ids(self, rows: Sequence[NewRow]) -> Iterator[tuple[str, _Known]]:
        ids = list({row.draft.id for row in rows})
        for part in _parts(ids):
            wanted = f"(VALUES {places(len(part), 1)})"
            yield from (
                (draft_id, _Known(content, key, number))
                for draft_id, content, key, number in self._file.rows(
                    "SELECT draft_id, content, key, NULL FROM trajectories "
                    f"WHERE run = ? AND draft_id IN {wanted}",  # noqa: S608 - places only
                    (self._run, *part),
                )
            )
            yield from (
                (draft_id, _Known(content, key, number))
                for draft_id, content, key, number in self._file.rows(
                    "SELECT r.draft_id, t.content, t.key, min(r.number) FROM rows r "
                    "JOIN trajectories t ON t.key = r.trajectory "
                    f"WHERE r.run = ? AND r.draft_id IN {wanted} "  # noqa: S608 - places only
                    "GROUP BY r.draft_id",
                    (self._run, *part),
                )
            )

    def _known_contents(self, rows: Sequence[NewRow]) -> Iterator[tuple[str, int]]:
        contents = list({row.content for row in rows})
        for part in _parts(contents):
            sql = (
                "SELECT content, min(key) FROM trajectories WHERE run = ? "
                f"AND content IN (VALUES {places(len(part), 1)}) GROUP BY content"  # noqa: S608
            )
            yield from self._file.rows(sql, (self._run, *part))

    def _write(
        self, state: InputState, sorting: _Sorting, rejects: Sequence[NewReject]
    ) -> None:
        self._file.write_many(
            "INSERT INTO trajectories (key, run, draft_id, id, draft, content) VALUES {rows}",
            [
                (
                    new.entry.key,
                    self._run,
                    row.draft.id,
                    row.trajectory_id,
                    row.draft.model_dump_json(),
                    row.content,
                )
                for new, row in zip(sorting.new, sorting.beginnings, strict=True)
            ],
        )
        self._file.write_many(
            "INSERT INTO rows (run, number, trajectory, draft_id, rest) VALUES {rows}",
            [(self._run, *placed) for placed in sorting.placed],
        )
        self._file.write_many(
            "INSERT INTO rejects (run, number, reason, raw) VALUES {rows}",
            [(self._run, bad.number, bad.reason, json.dumps(bad.raw)) for bad in rejects],
        )
        self._file.write(
            "INSERT OR REPLACE INTO inputs "
            "(run, name, fingerprint, rows_read, position, is_whole) VALUES (?, ?, ?, ?, ?, ?)",
            (
                self._run,
                state.name,
                state.fingerprint,
                state.rows_read,
                state.position,
                int(state.is_whole),
            ),
        )

    def _ended(self, condition: str, values: tuple[object, ...]) -> Iterator[Pending]:
        after = 0
        while found := self._next_pending(condition, values, after):
            yield from found
            after = found[-1].entry.key

    def _next_pending(
        self, condition: str, values: tuple[object, ...], after: int
    ) -> list[Pending]:
        with self._file.moment(), readable(self._file.path):
            rows = self._file.rows(
                "SELECT key, id, draft, ending FROM trajectories "
                f"WHERE run = ? AND {condition} AND key > ? "  # noqa: S608 - conditions of ours
                "ORDER BY key LIMIT ?",
                (self._run, *values, after, _AT_A_TIME),
            )
            return [
                Pending(
                    Entry(key, id_, versions_of(self._file, key), end_in(ending)),
                    Draft.model_validate_json(draft),
                )
                for key, id_, draft, ending in rows
            ]

    def _next_rows(self, after: int) -> list[StoredRow]:
        with self._file.moment(), readable(self._file.path):
            rows = self._file.rows(
                "SELECT r.number, r.draft_id, r.rest, t.key, t.id, t.draft, t.ending "
                "FROM rows r JOIN trajectories t ON t.key = r.trajectory "
                "WHERE r.run = ? AND r.number > ? ORDER BY r.number LIMIT ?",
                (self._run, after, _AT_A_TIME),
            )
            return [self._stored_row(*row) for row in rows]

    def _stored_row(
        self,
        number: int,
        draft_id: str,
        rest: str,
        key: int,
        id_: str,
        draft_text: str,
        ending: str | None,
    ) -> StoredRow:
        draft = Draft.model_validate_json(draft_text)
        if draft.id != draft_id:
            draft = draft.model_copy(update={"id": draft_id})
        versions = versions_of(self._file, key)
        trajectory = trajectory_of(id_, draft, versions, ending) if versions else None
        return StoredRow(number, json.loads(rest), trajectory)


@dataclass(frozen=True, slots=True)
class _Known:
    """What has an id: its content, its trajectory, and its row if it came in one."""

    content: str
    key: int
    number: int | None


class _Sorting:
    """Tells rows that begin a trajectory from those that share one, and from those that clash."""

    def __init__(self, next_key: int, *, share: bool) -> None:
        self.known_ids: dict[str, _Known] = {}
        self.known_contents: dict[str, int] = {}
        self.new: list[Pending] = []
        self.beginnings: list[NewRow] = []
        self.placed: list[tuple[int, int, str, str]] = []
        self.rejects: list[NewReject] = []
        self._next_key = next_key
        self._share = share

    def sort(self, row: NewRow) -> None:
        known = self.known_ids.get(row.draft.id)
        if known is not None and known.content != row.content:
            self.rejects.append(NewReject(row.number, _clash(row, known), row.raw))
            return
        key = None if known is None else known.key
        if key is None and self._share:
            key = self.known_contents.get(row.content)
        if key is None:
            key = self._begin(row)
        if known is None or known.number is None:
            self.known_ids[row.draft.id] = _Known(row.content, key, row.number)
        self.known_contents.setdefault(row.content, key)
        self.placed.append((row.number, key, row.draft.id, json.dumps(row.rest)))

    def _begin(self, row: NewRow) -> int:
        key, self._next_key = self._next_key, self._next_key + 1
        self.new.append(Pending(Entry(key, row.trajectory_id), row.draft))
        self.beginnings.append(row)
        return key


def _clash(row: NewRow, known: _Known) -> str:
    where = "of a draft in the store" if known.number is None else f"of line {known.number}"
    return f"line {row.number}: the id '{row.draft.id}' is that {where}, which has other content"


def _parts(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _AT_A_TIME):
        yield values[start : start + _AT_A_TIME]
