"""Stored verdicts: two tables of their own in a version store's file, made when first needed.

They stand in the store's own file, so that versions and verdicts travel together, and in tables
that nothing else reads, so a revloop that knows nothing of them reads the store as before. A
verdict is filed under its judge's digest and the texts themselves, in their order: the same two
texts are never judged twice, whichever rounds or trajectories they come from.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pydantic import ValidationError

from revloop.errors import StoreError
from revloop.judging import JudgeInfo, Verdict
from revloop.store import Store
from revloop.trajectory import digest_of, explain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BUSY_TIMEOUT_S = 60.0
_DIGEST_DIGITS = 32
_SCHEMA = """
CREATE TABLE IF NOT EXISTS judges (
    digest TEXT PRIMARY KEY,
    info TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS verdicts (
    judge TEXT NOT NULL REFERENCES judges (digest),
    question TEXT NOT NULL,
    verdict TEXT NOT NULL,
    given_at TEXT NOT NULL,
    PRIMARY KEY (judge, question)
) STRICT, WITHOUT ROWID;
"""


class Question(NamedTuple):
    """Two texts in one order, before any judge.

    Attributes:
        prompt: What they answer; empty where that is not known.
        first: The text that is shown first.
        second: The other one.
    """

    prompt: str
    first: str
    second: str

    @property
    def digest(self) -> str:
        """Names prompt, texts and their order."""
        return digest_of(*self, length=_DIGEST_DIGITS)

    @property
    def swapped(self) -> Question:
        """The same texts in the other order."""
        return Question(self.prompt, self.second, self.first)


class Verdicts:
    """The verdicts of a store. Safe to use from several threads; make one with :meth:`open`."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self._connection = connection
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open the verdicts of a store that is there, to read and write.

        Raises:
            StoreError: There is no such store, or it cannot be written.
        """
        path = Path(path)
        with Store.open_to_read(path):
            pass  # tells what is no store
        with _translated(path):
            verdicts = cls(_connect(path, "rw"), path)
            try:
                verdicts._connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            except BaseException:
                verdicts.close()
                raise
        return verdicts

    @classmethod
    def open_to_read(cls, path: str | Path) -> Self:
        """Open the verdicts of a store, to read only; there may be none.

        Raises:
            StoreError: There is no such store.
        """
        path = Path(path)
        with Store.open_to_read(path):
            pass  # tells what is no store
        with _translated(path):
            verdicts = cls(_connect(path, "ro"), path)
            try:
                if not verdicts._rows("SELECT 1 FROM sqlite_schema WHERE name = 'verdicts'"):
                    empty = _SCHEMA.replace("CREATE TABLE", "CREATE TEMP TABLE")
                    verdicts._connection.executescript(empty)
            except BaseException:
                verdicts.close()
                raise
        return verdicts

    def judges(self) -> list[JudgeInfo]:
        """The judges of all verdicts, in the order of their names."""
        rows = self._rows("SELECT info FROM judges")
        with _readable(self.path):
            infos = [JudgeInfo.model_validate_json(text) for (text,) in rows]
        return sorted(infos, key=lambda info: (info.name, info.digest))

    def get(self, judge: JudgeInfo, question: Question) -> Verdict | None:
        """A judge's verdict on a question, or None where it has not been asked."""
        sql = "SELECT verdict FROM verdicts WHERE judge = ? AND question = ?"
        rows = self._rows(sql, (judge.digest, question.digest))
        with _readable(self.path):
            return Verdict.model_validate_json(rows[0][0]) if rows else None

    def add(self, judge: JudgeInfo, given: Iterable[tuple[Question, Verdict]]) -> None:
        """Commit verdicts; when this returns, they are on disk. A later one stands for an older."""
        now = datetime.now(UTC).isoformat()
        rows = [(judge.digest, q.digest, v.model_dump_json(), now) for q, v in given]
        with self._lock, _translated(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.execute(
                    "INSERT OR REPLACE INTO judges VALUES (?, ?)",
                    (judge.digest, judge.model_dump_json()),
                )
                self._connection.executemany(
                    "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?)", rows
                )
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def count(self, judge: JudgeInfo) -> int:
        """How many verdicts there are of a judge."""
        sql = "SELECT count(*) FROM verdicts WHERE judge = ?"
        number: int = self._rows(sql, (judge.digest,))[0][0]
        return number

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rows(self, sql: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with self._lock, _translated(self.path):
            return self._connection.execute(sql, values).fetchall()


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_BUSY_TIMEOUT_S,
        check_same_thread=False,  # a lock of our own guards it
        isolation_level=None,  # no transactions but those that we begin
    )
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as exc:
        raise StoreError(
            f"The verdicts of {path} cannot be read or written: {exc}. They stand in the store's "
            "own file, so it must be writable."
        ) from exc


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except ValidationError as exc:
        raise StoreError(f"{path} holds a verdict that cannot be read: {explain(exc)}.") from exc
