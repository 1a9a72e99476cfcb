"""Read single trajectories of a store, and which of them have changed, while a batch writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from revloop.errors import InputError
from revloop.store.file import StoreFile, readable
from revloop.store.outlines import outlines_of
from revloop.store.stored_trajectory import end_in, versions_of
from revloop.store.tables import StoreConnection
from revloop.trajectory import Draft, Trajectory
from revloop.values import json_text, read_json

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_NEWEST_RUN = "SELECT run FROM trajectories ORDER BY run DESC LIMIT 1"
_CHANGED = (
    "SELECT DISTINCT v.trajectory FROM versions v JOIN trajectories t ON t.key = v.trajectory "
    "WHERE v.rowid > ? AND v.rowid <= ? AND t.run = ?"
)
_ENDED = (
    "SELECT key FROM trajectories "
    "WHERE reason IS NOT NULL AND key IN (SELECT value FROM json_each(?))"
)
_FIRST_ROW = "SELECT rest FROM rows WHERE run = ? AND draft_id = ? ORDER BY number LIMIT 1"
# LIKE on the whole JSON is quick and finds too much: the texts themselves decide
_HOLDING = r"""
SELECT key FROM trajectories
WHERE run = :run AND (id = :text OR draft_id IN (:text, :quoted)
OR (draft LIKE :in_json ESCAPE '\' AND (
    holds(json_extract(draft, '$.prompt'), :folded)
    OR holds(json_extract(draft, '$.messages'), :folded_json)
)))
UNION
SELECT v.trajectory FROM versions v JOIN trajectories t ON t.key = v.trajectory
WHERE t.run = :run AND v.version LIKE :in_json ESCAPE '\' AND (
    holds(json_extract(v.version, '$.text'), :folded)
    OR holds(json_extract(v.version, '$.critique.raw'), :folded)
)
"""


class Contents(NamedTuple):
    """How much a run holds.

    Attributes:
        trajectories: Trajectories begun.
        ended: Of these, those that have ended.
        is_reading: Whether a batch has rows of its input left to read.
        rejected: Rows that could not be read.
    """

    trajectories: int
    ended: int
    is_reading: bool
    rejected: int


class StoreFollower(StoreConnection):
    """One run of a store, read trajectory by trajectory. Safe to use from several threads.

    Args:
        file: The store, opened to read.
        run: The run's id; None: the newest one that has a trajectory, once there is one.
    """

    def __init__(self, file: StoreFile, run: int | None = None) -> None:
        super().__init__(file)
        self._run = run
        file.define("holds", _holds)

    @classmethod
    def open(cls, path: str | Path, *, run: int | None = None) -> Self:
        """Open an existing store to read only; another process may be writing to it.

        Raises:
            StoreError: There is no such file, or it is not a store.
            InputError: It has no such run.
        """
        file = StoreFile.open_to_read(Path(path))
        runs = [id_ for (id_,) in file.rows("SELECT id FROM runs ORDER BY id")]
        if run is not None and run not in runs:
            file.close()
            known = ", ".join(map(str, runs)) or "none"
            raise InputError(f"{path} has no run {run}; it has: {known}.")
        return cls(file, run)

    @property
    def run(self) -> int | None:
        """The run that is read; None while the store has no trajectory."""
        if self._run is None and (found := self._file.rows(_NEWEST_RUN)):
            self._run = found[0][0]
        return self._run

    def last_version(self) -> int:
        """The number of the newest version; later ones have higher numbers."""
        number: int = self._file.rows("SELECT coalesce(max(rowid), 0) FROM versions")[0][0]
        return number

    def changed(self, after: int, until: int) -> list[int]:
        """Keys of the trajectories with versions of these numbers."""
        return [key for (key,) in self._file.rows(_CHANGED, (after, until, self.run))]

    def ended(self, keys: Collection[int]) -> list[int]:
        """Those of some trajectories that have ended."""
        return [key for (key,) in self._file.rows(_ENDED, (json.dumps(list(keys)),))]

    def trajectory(self, key: int) -> Trajectory | None:
        """A trajectory of the run, with its row's other fields; None if it has no version."""
        sql = "SELECT id, draft, draft_id, ending FROM trajectories WHERE key = ? AND run = ?"
        with self._file.moment(), readable(self._file.path):
            found = self._file.rows(sql, (key, self.run))
            if not found or not (versions := versions_of(self._file, key)):
                return None
            id_, draft, draft_id, ending = found[0]
            row = self._file.rows(_FIRST_ROW, (self.run, draft_id))
            trajectory = Trajectory(
                id=id_,
                draft=Draft.from_json(draft),
                versions=tuple(versions),
                end=end_in(ending),
            )
            return trajectory.with_extra(read_json(row[0][0])) if row else trajectory

    def outlines(self, keys: Sequence[int]) -> dict[int, Trajectory]:
        """Trajectories of the run by key, with outlines of their versions: what lists need."""
        return outlines_of(self._file, self.run, keys)

    def changes_of(self, key: int) -> int:
        """The number of a trajectory's versions, and 1 more once it has ended."""
        sql = (
            "SELECT count(*) + (SELECT reason IS NOT NULL FROM trajectories WHERE key = :key) "
            "FROM versions WHERE trajectory = :key"
        )
        number: int | None = self._file.rows(sql, {"key": key})[0][0]
        return number or 0

    def holding(self, text: str) -> list[int]:
        """Keys of the trajectories with a text in their ids, prompts, versions or critiques.

        Letters match in either case, but in ids.
        """
        quoted = json_text(text)
        values = {
            "run": self.run,
            "text": text,
            "quoted": quoted,
            "folded": text.casefold(),
            "folded_json": quoted[1:-1].casefold(),
            "in_json": f"%{''.join(map(_in_either_case, quoted[1:-1]))}%",
        }
        return [key for (key,) in self._file.rows(_HOLDING, values)]

    def contents(self) -> Contents:
        """How much the run holds by now."""
        ((begun, ended),) = self._file.rows(
            "SELECT count(*), count(reason) FROM trajectories WHERE run = ?", (self.run,)
        )
        whole = self._file.rows("SELECT is_whole FROM inputs WHERE run = ?", (self.run,))
        ((rejected,),) = self._file.rows("SELECT count(*) FROM rejects WHERE run = ?", (self.run,))
        return Contents(begun, ended, bool(whole) and not whole[0][0], rejected)


def _in_either_case(letter: str) -> str:
    """A pattern of LIKE, which ignores the case of ASCII letters only, for a letter."""
    if letter in r"\%_":
        return f"\\{letter}"
    return letter if letter.isascii() or letter.lower() == letter.upper() else "_"


def _holds(text: str | None, folded: str) -> bool:
    """Whether a text holds another one, which is folded."""
    return text is not None and folded in text.casefold()
