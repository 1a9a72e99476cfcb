"""Stored verdicts: two tables in a version store's file, created when first needed.

Versions and verdicts share a file, so they travel together. A verdict's key is its judge's digest
and the texts in their order: the same two texts are never judged twice, whichever rounds or
trajectories they come from.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from revloop.errors import StoreError
from revloop.store import VERDICTS, StoreTables
from revloop.trajectory import JudgeInfo, Verdict
from revloop.values import digest_of, explain, json_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_DIGEST_DIGITS = 32
_NO_FIELDS: Mapping[str, Any] = MappingProxyType({})


class Question(NamedTuple):
    """Two texts in one order, before any judge.

    Attributes:
        prompt: What the texts answer; empty if unknown.
        first: The text shown first.
        second: The text shown second.
        fields: The draft's own fields; a judge is told those that it names.
    """

    prompt: str
    first: str
    second: str
    fields: Mapping[str, Any] = _NO_FIELDS

    def __hash__(self) -> int:
        return hash(self[:3])

    @property
    def digest(self) -> str:
        """Digest of prompt, texts and their order."""
        return digest_of(*self[:3], length=_DIGEST_DIGITS)

    def digest_for(self, judge: JudgeInfo) -> str:
        """Digest of prompt, texts, their order, and the fields that a judge is told."""
        seen = judge.seen_in(self.fields)
        if not seen:
            return self.digest
        return digest_of(*self[:3], json_text(seen), length=_DIGEST_DIGITS)

    @property
    def swapped(self) -> Question:
        """The same texts in the other order."""
        return self._replace(first=self.second, second=self.first)

    @property
    def orders(self) -> tuple[Question, Question]:
        """This question and the swapped one."""
        return (self, self.swapped)


class GivenVerdict(NamedTuple):
    """A stored verdict, and when it was given, with its time zone."""

    verdict: Verdict
    given_at: datetime


class Verdicts(StoreTables):
    """The verdicts of a store; thread-safe. Make one with :meth:`open`."""

    schema = VERDICTS

    def judges(self) -> list[JudgeInfo]:
        """The judges of all verdicts, in the order of their first verdict."""
        if not self._has("verdicts"):
            return []
        rows = self._file.rows("SELECT info FROM judges ORDER BY rowid")
        with _readable(self._file.path):
            return [JudgeInfo.model_validate_json(text) for (text,) in rows]

    def get(self, judge: JudgeInfo, question: Question) -> Verdict | None:
        """A judge's verdict on a question; None if it gave none."""
        digest = question.digest_for(judge)
        return self.given_on(judge, [digest]).get(digest)

    def given_on(self, judge: JudgeInfo, questions: Sequence[str]) -> dict[str, Verdict]:
        """A judge's verdicts on some questions, by their digests."""
        if not self._has("verdicts"):
            return {}
        sql = (
            "SELECT question, verdict FROM verdicts WHERE judge = ? AND question IN (VALUES {rows})"
        )
        rows = self._file.rows_for(sql, judge.digest, questions)
        with _readable(self._file.path):
            return {question: Verdict.model_validate_json(text) for question, text in rows}

    def add(self, judge: JudgeInfo, given: Iterable[tuple[Question, Verdict]]) -> None:
        """Commit verdicts to disk, replacing earlier ones on the same questions."""
        now = datetime.now(UTC).isoformat()
        rows = [(judge.digest, q.digest_for(judge), v.model_dump_json(), now) for q, v in given]
        with self._file.transaction():
            self._file.write(
                "INSERT INTO judges VALUES (?, ?) "
                "ON CONFLICT (digest) DO UPDATE SET info = excluded.info",
                (judge.digest, judge.model_dump_json()),
            )
            self._file.write_many("INSERT OR REPLACE INTO verdicts VALUES {rows}", rows)

    def remove(self, judge: JudgeInfo, question: str) -> None:
        """Take a verdict back, by the digest of its question."""
        sql = "DELETE FROM verdicts WHERE judge = ? AND question = ?"
        with self._file.transaction():
            self._file.write(sql, (judge.digest, question))

    def given_by(self, judge: JudgeInfo) -> dict[str, GivenVerdict]:
        """All verdicts of a judge by the digest of their question, in the order they were given."""
        if not self._has("verdicts"):
            return {}
        sql = "SELECT question, verdict, given_at FROM verdicts WHERE judge = ? ORDER BY given_at"
        rows = self._file.rows(sql, (judge.digest,))
        with _readable(self._file.path):
            return {
                question: GivenVerdict(
                    Verdict.model_validate_json(text), datetime.fromisoformat(time)
                )
                for question, text, time in rows
            }

    def counts(self) -> dict[JudgeInfo, int]:
        """Number of verdicts of each judge, in the order of their first verdict."""
        if not self._has("verdicts"):
            return {}
        numbers = dict(self._file.rows("SELECT judge, count(*) FROM verdicts GROUP BY judge"))
        return {judge: numbers.get(judge.digest, 0) for judge in self.judges()}

    def given_since(self, judge: JudgeInfo, time: str) -> list[tuple[str, str]]:
        """A judge's verdicts from a time on: digest of the question, and when it was given."""
        if not self._has("verdicts"):
            return []
        sql = "SELECT question, given_at FROM verdicts WHERE judge = ? AND given_at >= ?"
        return [(question, given) for question, given in self._file.rows(sql, (judge.digest, time))]


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except ValidationError as exc:
        raise StoreError(f"{path} holds a verdict that cannot be read: {explain(exc)}.") from exc
