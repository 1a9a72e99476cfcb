"""The jobs of a batch and their results: two tables in the version store's file.

A job is committed to disk before it is created at the provider, and its results before they are
used, so a killed process submits nothing twice.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from revloop.store import StoreFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    key INTEGER PRIMARY KEY,
    server TEXT NOT NULL,
    file TEXT NOT NULL,         -- the provider's id of the file of requests
    endpoint TEXT NOT NULL,
    name TEXT,                  -- the provider's id of the job; NULL: perhaps not created
    requests INTEGER NOT NULL,
    prepared_at REAL NOT NULL,  -- seconds since 1970
    has_ended INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS job_requests (
    id TEXT PRIMARY KEY,
    job INTEGER NOT NULL REFERENCES jobs (key),
    reply TEXT                  -- NULL: not answered yet
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS requests_by_job ON job_requests (job);
"""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job, as it was recorded.

    Attributes:
        key: Our key.
        file: The provider's id of the file of requests.
        endpoint: The endpoint of all requests.
        name: The provider's id of the job; None: it may not have been created.
        requests: Number of requests.
        prepared_at: When its file had been uploaded, in seconds since 1970.
    """

    key: int
    file: str
    endpoint: str
    name: str | None
    requests: int
    prepared_at: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded request.

    Attributes:
        job: The key of its job.
        reply: The body of its reply; None if its job has not ended.
    """

    job: int
    reply: str | None


class Journal:
    """The jobs at one server; thread-safe. Make one with :meth:`open`."""

    def __init__(self, file: StoreFile, server: str) -> None:
        self._file = file
        self._server = server

    @classmethod
    def open(cls, store: Path, server: str) -> Self:
        """Open the jobs of an existing store.

        Args:
            store: The store's file.
            server: The address of the server; jobs at others are left alone.

        Raises:
            StoreError: There is no such store, or it cannot be written.
        """
        return cls(StoreFile.open(store, more_tables=_SCHEMA), server)

    def open_jobs(self) -> list[JobRecord]:
        """The jobs that have not ended, oldest first."""
        rows = self._file.rows(
            "SELECT key, file, endpoint, name, requests, prepared_at FROM jobs "
            "WHERE server = ? AND NOT has_ended ORDER BY key",
            (self._server,),
        )
        return [JobRecord(*row) for row in rows]

    def find(self, request: str) -> Recorded | None:
        """A request by its id; None if no job at this server has it."""
        rows = self._file.rows(
            "SELECT job, reply FROM job_requests JOIN jobs ON key = job "
            "WHERE id = ? AND server = ?",
            (request, self._server),
        )
        return Recorded(*rows[0]) if rows else None

    def add(self, file: str, endpoint: str, requests: Sequence[str]) -> JobRecord:
        """Record a job that is about to be created."""
        now = time.time()
        with self._file.transaction():
            key = self._file.write(
                "INSERT INTO jobs (server, file, endpoint, requests, prepared_at) "
                "VALUES (?, ?, ?, ?, ?)",
                (self._server, file, endpoint, len(requests), now),
            )
            self._file.write_many(
                "INSERT OR REPLACE INTO job_requests (id, job) VALUES {rows}",
                [(request, key) for request in requests],
            )
        return JobRecord(key, file, endpoint, None, len(requests), now)

    def note_created(self, key: int, name: str) -> None:
        """Record that a job was created."""
        self._file.write("UPDATE jobs SET name = ? WHERE key = ?", (name, key))

    def keep(self, key: int, replies: Iterable[tuple[str, str]]) -> None:
        """Commit replies of a job, by request."""
        with self._file.transaction():
            for request, reply in replies:
                self._file.write(
                    "UPDATE job_requests SET reply = ? WHERE id = ? AND job = ?",
                    (reply, request, key),
                )

    def note_ended(self, key: int) -> None:
        """Record that a job has ended: requests without a reply may be submitted again."""
        with self._file.transaction():
            self._file.write("UPDATE jobs SET has_ended = 1 WHERE key = ?", (key,))
            self._file.write("DELETE FROM job_requests WHERE job = ? AND reply IS NULL", (key,))

    def forget_ended(self) -> None:
        """Delete the jobs that have ended with their replies, once nothing needs them any more."""
        ended = "SELECT key FROM jobs WHERE has_ended"
        with self._file.transaction():
            self._file.write(f"DELETE FROM job_requests WHERE job IN ({ended})", ())  # noqa: S608
            self._file.write("DELETE FROM jobs WHERE has_ended", ())

    def close(self) -> None:
        """Close the file."""
        self._file.close()
