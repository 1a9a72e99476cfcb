"""A store: its runs and their trajectories."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from revloop.errors import InputError, RunMismatchError
from revloop.options import RunSettings
from revloop.rows.columns import VERSION_COLUMNS, table_of
from revloop.rows.parquet import table_of_trajectories
from revloop.store.commits import Addition, GroupCommits, add_all
from revloop.store.file import StoreFile, readable
from revloop.store.rows import RunRows
from revloop.store.stored_trajectory import StoredTrajectory, end_in, versions_of
from revloop.trajectory import Draft, Trajectory, Version
from revloop.values import json_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from contextlib import AbstractContextManager

# one statement, so that a trajectory that is being written is read from one snapshot
_NEXT_TRAJECTORY = """
SELECT t.key, t.id, t.draft, t.ending, v.version
FROM trajectories t JOIN versions v ON v.trajectory = t.key
WHERE t.key = (
    SELECT min(key) FROM trajectories
    WHERE key > :after AND (:name IS NULL OR draft_id IN (:name, :quoted) OR id = :name)
    AND (:run IS NULL OR run = :run)
    AND (NOT :rowless OR NOT EXISTS (
        SELECT 1 FROM rows
        WHERE rows.run = trajectories.run AND rows.draft_id = trajectories.draft_id
    ))
    AND EXISTS (SELECT 1 FROM versions WHERE trajectory = trajectories.key)
)
ORDER BY v.round
"""
_NEWEST_RUN = """
SELECT run FROM trajectories
WHERE EXISTS (SELECT 1 FROM versions WHERE trajectory = trajectories.key)
ORDER BY run DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a store: trajectories made with the same settings.

    Attributes:
        id: 1 for the store's first run.
        settings: What its trajectories were made with.
        started_at: When it was begun, with its time zone.
    """

    id: int
    settings: RunSettings
    started_at: datetime


class Store:
    """An open store. Safe to use from several threads; make one with :meth:`open`."""

    def __init__(self, file: StoreFile) -> None:
        self._file = file
        self._commits = GroupCommits(file)

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a store to read and write; create it if there is no file.

        Raises:
            StoreError: The file is not a store, has another version, or cannot be written.
        """
        return cls(StoreFile.open(Path(path)))

    @classmethod
    def open_to_read(cls, path: str | Path) -> Self:
        """Open an existing store to read only; another process may be writing to it.

        Raises:
            StoreError: There is no such file, or it is not a store.
        """
        return cls(StoreFile.open_to_read(Path(path)))

    @property
    def path(self) -> Path:
        """The store's file."""
        return self._file.path

    def transaction(self) -> AbstractContextManager[None]:
        """Commit everything that this thread writes in the block together, or nothing.

        What trajectories append meanwhile is committed after the block.
        """
        return self._file.transaction()

    def begin_run(self, settings: RunSettings, *, new: bool = False) -> Run:
        """The store's newest run with these settings, or its first.

        Args:
            settings: What decides the texts of the run's trajectories.
            new: Begin a new run in any case.

        Raises:
            RunMismatchError: All runs have other settings; the message lists the differences from
                the last one.
        """
        with self._file.transaction():  # another process may begin one at the same time
            runs = self.runs()
            same = [run for run in runs if run.settings.digest == settings.digest]
            if new or not runs:
                return self._add_run(settings)
        if same:
            return same[-1]
        different = "\n  ".join(settings.differences(runs[-1].settings))
        raise RunMismatchError(
            f"{self.path} has a run with other settings (now, not then):\n  "
            f"{different}\n"
            "Use another store, or the settings of that run, or begin a new run in this store "
            "(--new-run)."
        )

    def runs(self) -> list[Run]:
        """All runs, oldest first."""
        rows = self._file.rows("SELECT id, settings, started_at FROM runs ORDER BY id")
        with readable(self.path):
            return [
                Run(id_, RunSettings.model_validate_json(text), datetime.fromisoformat(started))
                for id_, text, started in rows
            ]

    def rows(self, run: Run) -> RunRows:
        """The rows of a run's input."""
        return RunRows(self._commits, run.id)

    def begin(
        self, run: Run, trajectory_id: str, draft: Draft, fields: Collection[str] = ()
    ) -> StoredTrajectory:
        """Begin a draft's trajectory in a run, or find it there.

        Args:
            run: The run.
            trajectory_id: The id of a new trajectory.
            draft: What is revised.
            fields: Names of the user's fields that decide its versions.

        Raises:
            InputError: The run has another draft under the same id.
        """
        content = draft.content_with(fields)
        with self._file.transaction():
            rows = self._file.rows(
                "SELECT key, id, draft, ending FROM trajectories WHERE run = ? AND draft_id = ?",
                (run.id, draft.key),
            )
            if not rows:
                row = (run.id, draft.key, trajectory_id, draft.to_json(), content)
                sql = (
                    "INSERT INTO trajectories (run, draft_id, id, draft, content) "
                    "VALUES (?, ?, ?, ?, ?)"
                )
                key = self._file.write(sql, row)
                return StoredTrajectory(trajectory_id, draft, key=key, commits=self._commits)
            key, first_id, stored, ending = rows[0]
        with readable(self.path):
            if Draft.from_json(stored).content_with(fields) != content:
                raise InputError(
                    f"{self.path} has another draft with the id '{draft.id}': use another id."
                )
            versions = versions_of(self._file, key)
            return StoredTrajectory(
                first_id, draft, versions, end_in(ending), key=key, commits=self._commits
            )

    def add_finished(self, made: Iterable[tuple[StoredTrajectory, Trajectory]]) -> None:
        """Commit trajectories that were made elsewhere, in one transaction.

        Args:
            made: Each with the trajectory begun for it here, which has no version yet.
        """
        add_all(
            self._file,
            [
                Addition(begun.key, what, round_)
                for begun, trajectory in made
                for what, round_ in (
                    *((version, version.round) for version in trajectory.versions),
                    (trajectory.end, trajectory.rounds),
                )
                if what is not None
            ],
        )

    def trajectories(
        self, *, name: str | None = None, run: Run | None = None
    ) -> Iterator[Trajectory]:
        """All trajectories in the order they were begun, one in memory at a time.

        Args:
            name: Only those with this id, or with this draft id (one in each run).
            run: Only those of this run.
        """
        return self._found(name=name, run=None if run is None else run.id)

    def contents(self, run: int | None = None, *, name: str | None = None) -> Iterator[Trajectory]:
        """The trajectories of one run as every command reads them, a few at a time.

        First one for each row of a batch, in input order, with the row's other fields in the
        draft's ``extra``; rows with equal content have one each. Then those of single calls, in the
        order they were begun.

        Args:
            run: The run's id; None: the newest one that has a trajectory.
            name: Only trajectories with this id, or with this draft id.

        Raises:
            InputError: There is no such run.
        """
        runs = self.run_ids()
        if run is not None and run not in runs:
            known = ", ".join(map(str, runs)) or "none"
            raise InputError(f"{self.path} has no run {run}; it has: {known}.")
        wanted = self.newest_run() if run is None else run
        if wanted is None:
            return
        rows = RunRows(self._commits, wanted)
        if name is None:
            yield from rows.trajectories()
            yield from self._found(run=wanted, rowless=True)
            return
        is_row = False
        for trajectory in rows.trajectories(name):
            is_row = True
            yield trajectory
        if not is_row:
            yield from self._found(name=name, run=wanted)

    def frame(
        self, rows: Literal["versions", "trajectories"] = "versions", *, run: int | None = None
    ) -> Any:
        """The contents of one run as an Arrow table: ``.to_pandas()``, ``polars.from_arrow()``.

        Args:
            rows: A row for each version (:meth:`Trajectory.to_rows`), or for each trajectory.
            run: As for :meth:`contents`.

        Raises:
            InputError: There is no such run, or there are no such rows.
            MissingExtraError: pyarrow is not installed.
        """
        if rows not in {"versions", "trajectories"}:
            raise InputError(f"A table has 'versions' or 'trajectories' as rows, not {rows!r}.")
        found = self.contents(run)
        if rows == "versions":
            return table_of(VERSION_COLUMNS, (row for one in found for row in one.to_rows()))
        return table_of_trajectories(found)

    def run_ids(self) -> list[int]:
        """The ids of all runs, oldest first."""
        return [id_ for (id_,) in self._file.rows("SELECT id FROM runs ORDER BY id")]

    def newest_run(self) -> int | None:
        """The id of the newest run that has a trajectory; None if there is none."""
        found = self._file.rows(_NEWEST_RUN)
        return found[0][0] if found else None

    def _found(
        self, *, name: str | None = None, run: int | None = None, rowless: bool = False
    ) -> Iterator[Trajectory]:
        """Trajectories in the order they were begun."""
        wanted = {"name": name, "quoted": json_text(name), "run": run, "rowless": rowless}
        rows = self._file.rows(_NEXT_TRAJECTORY, {"after": 0, **wanted})
        while rows:
            key, id_, draft, ending, _ = rows[0]
            with readable(self.path):
                trajectory = Trajectory(
                    id=id_,
                    draft=Draft.from_json(draft),
                    versions=tuple(Version.model_validate_json(row[-1]) for row in rows),
                    end=end_in(ending),
                )
            yield trajectory
            rows = self._file.rows(_NEXT_TRAJECTORY, {"after": key, **wanted})

    def close(self) -> None:
        """Commit what is queued, and close the file."""
        self._commits.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _add_run(self, settings: RunSettings) -> Run:
        started_at = datetime.now(UTC)
        row = (settings.digest, settings.model_dump_json(), started_at.isoformat())
        sql = "INSERT INTO runs (digest, settings, started_at) VALUES (?, ?, ?)"
        return Run(self._file.write(sql, row), settings, started_at)
