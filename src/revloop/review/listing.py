"""A list of a run's trajectories with results, kept up to date while a batch writes.

What the list sorts and filters by takes all versions of a trajectory to know: the kept one, and the
verdicts on it. So each is read once, and again when it changes, and a line for it is kept in a
temporary SQLite database, which does not grow in memory. The texts to vote on come after all lines:
their digests take longer.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from revloop.report.aggregates import UNFINISHED
from revloop.report.source import ReportSource
from revloop.review.lines import ListedRows, deciding, rows_of_texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from revloop.evaluation import Verdicts
    from revloop.store import StoreFollower
    from revloop.trajectory import JudgeInfo

    Row = tuple[object, ...]

SortedBy = Literal["harm", "order", "newest", "score", "length"]
PAGE = 50
_AT_ONCE = 200
_SORTS: dict[SortedBy, str] = {
    "harm": "rank, key",
    "order": "key",
    "newest": "version DESC, key",
    "score": "score IS NULL, score, key",
    "length": "growth DESC, key",
}
_TABLES = """
CREATE TABLE lines (
    key INTEGER PRIMARY KEY, version INTEGER, id TEXT, reason TEXT, result TEXT, rank INTEGER,
    rounds INTEGER, kept INTEGER, score REAL, growth REAL, preview TEXT
);
CREATE INDEX by_rank ON lines (rank, key);
CREATE INDEX by_reason ON lines (reason);
CREATE TABLE questions (digest TEXT, key INTEGER);
CREATE INDEX by_digest ON questions (digest);
CREATE INDEX by_key ON questions (key);
CREATE TABLE texts (
    key INTEGER, round INTEGER, until INTEGER, pair TEXT, swapped TEXT, stratum TEXT
);
CREATE INDEX by_pair ON texts (pair);
CREATE INDEX by_swapped ON texts (swapped);
CREATE INDEX texts_by_key ON texts (key);
CREATE TABLE fields (name TEXT, value TEXT, key INTEGER);
CREATE INDEX by_name ON fields (name, value);
CREATE INDEX fields_by_key ON fields (key);
"""


_PASSING = """
(:result = '' OR result = :result) AND (:reason = '' OR reason = :reason)
AND (:field = '' OR key IN (
    SELECT key FROM fields WHERE name = :field AND instr(value, :value)
))
AND (:keys IS NULL OR key IN (SELECT value FROM json_each(:keys)))
"""
_COUNT = "SELECT count(*) FROM lines WHERE {passing}"
_PAGE = """
SELECT key, id, reason, result, rounds, kept, score, preview FROM lines
WHERE {passing} ORDER BY {order} LIMIT :most OFFSET :start
"""
_BESIDE = (
    "SELECT key FROM lines WHERE (rank, key) {sign} "
    "(SELECT rank, key FROM lines WHERE key = ?) ORDER BY rank {way}, key {way} LIMIT 1"
)
_COUNTS = "SELECT {column}, count(*) FROM lines GROUP BY 1 ORDER BY 2 DESC"
_FORGET = "DELETE FROM {table} WHERE key IN (SELECT value FROM json_each(?))"
_REMEMBER = "INSERT INTO {table} VALUES ({places})"


class Wanted(NamedTuple):
    """Which trajectories a list shows, and in which order.

    Attributes:
        text: In ids, prompts, versions or critiques.
        result: A result; empty: any.
        reason: A stop reason, or ``not_finished``; empty: any.
        field: A field of the drafts; empty: any draft.
        value: What the field contains.
        sort: The order.
        page: Number of the page, from 1.
    """

    text: str = ""
    result: str = ""
    reason: str = ""
    field: str = ""
    value: str = ""
    sort: SortedBy = "harm"
    page: int = 1


class Line(NamedTuple):
    """A trajectory in the list."""

    key: int
    id: str
    reason: str
    result: str
    rounds: int
    kept: int
    score: float | None
    preview: str


class Listed(NamedTuple):
    """A page of the list.

    Attributes:
        lines: Its lines.
        found: Trajectories that pass the filters.
        page: The page's number, which is less than the wanted one if there are fewer pages.
        pages: Number of pages.
    """

    lines: Sequence[Line]
    found: int
    page: int
    pages: int


class ChangedPair(NamedTuple):
    """A text that differs from the original.

    Attributes:
        key: The trajectory's key.
        digest: Digest of the question about it, the original first.
        swapped: Digest of the question with the original second.
        stratum: What a stratified sample is drawn by.
    """

    key: int
    digest: str
    swapped: str
    stratum: str


class Listing:
    """The list of a run's trajectories. Safe to use from several threads.

    Args:
        follower: Reads the store.
        verdicts: The stored verdicts.
        judge: Name of the judge that decides the results; None: the one with most verdicts that is
            not a person, so that nobody sees a person's votes in the list.
        by: A field of the drafts that the strata of samples are split by.

    Attributes:
        judge: The judge, once it has given a verdict.
        mark: Changes whenever lines have changed; 0 until all trajectories were read once.
        pairs_mark: The mark up to which the pairs are known.
    """

    def __init__(
        self,
        follower: StoreFollower,
        verdicts: Verdicts,
        judge: str | None = None,
        *,
        by: str | None = None,
    ) -> None:
        self.judge: JudgeInfo | None = None
        self.mark = 0
        self.pairs_mark = 0
        self._follower = follower
        self._verdicts = verdicts
        self._judge_name = judge
        self._by = by
        self._seen: tuple[int, int] | None = None
        self._last = 0
        self._judged_until = ""
        self._searches: dict[tuple[str, int], str] = {}
        self._lock = threading.RLock()
        self._updating = threading.Lock()
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._database.executescript(_TABLES)
        self._database.execute("PRAGMA synchronous = OFF")

    def update(self) -> bool:
        """Read what has changed since the last call; returns whether anything has."""
        with self._updating:
            now = (self._follower.moment, self._verdicts.moment)
            if now == self._seen or self._follower.run is None:
                return False
            changed = self._changed()
            for keys in _parts(changed):
                self._read(keys)
            self._seen = now
            self.mark += bool(changed)
            for keys in _parts(changed):
                self._read_texts(keys)
            self.pairs_mark = self.mark
            return bool(changed)

    def page(self, wanted: Wanted) -> Listed:
        """One page of the list."""
        values = self._values(wanted)
        with self._lock:
            ((found,),) = self._rows(_COUNT.format(passing=_PASSING), values)
            pages = max(1, -(-found // PAGE))
            page = min(max(1, wanted.page), pages)
            part = {"most": PAGE, "start": PAGE * (page - 1)}
            rows = self._rows(
                _PAGE.format(passing=_PASSING, order=_SORTS[wanted.sort]), values | part
            )
        return Listed([Line(*row) for row in rows], found, page, pages)

    def beside(self, key: int) -> tuple[int | None, int | None]:
        """The keys before and after one in the order of the results."""
        before = self._rows(_BESIDE.format(sign="<", way="DESC"), [key])
        after = self._rows(_BESIDE.format(sign=">", way="ASC"), [key])
        return before[0][0] if before else None, after[0][0] if after else None

    def pairs(self, round_: int) -> list[ChangedPair]:
        """The changed texts after a round, each with the original."""
        sql = (
            "SELECT key, pair, swapped, stratum FROM texts WHERE round <= ? AND until >= ? "
            "GROUP BY pair ORDER BY key"
        )
        return [ChangedPair(*row) for row in self._rows(sql, [round_, round_])]

    def most_rounds(self) -> int:
        """The most rounds of any trajectory."""
        rounds: int = self._rows("SELECT coalesce(max(rounds), 0) FROM lines")[0][0]
        return rounds

    def counts(self, column: Literal["result", "reason"]) -> dict[str, int]:
        """Number of trajectories by result or by stop reason."""
        return dict(self._rows(_COUNTS.format(column=column)))

    def field_names(self) -> list[str]:
        """The fields of the drafts."""
        return [name for (name,) in self._rows("SELECT DISTINCT name FROM fields ORDER BY name")]

    @property
    def size(self) -> int:
        """Number of trajectories that were read."""
        size: int = self._rows("SELECT count(*) FROM lines")[0][0]
        return size

    def close(self) -> None:
        """Drop the list."""
        with self._updating, self._lock:
            self._database.close()

    def _rows(
        self, sql: str, values: Sequence[object] | dict[str, object] = ()
    ) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._database.execute(sql, values).fetchall()

    def _changed(self) -> list[int]:
        """Keys of the trajectories with new versions, a new end, or new verdicts."""
        until = self._follower.last_version()
        changed = set(self._follower.changed(self._last, until))
        running = [
            key for (key,) in self._rows("SELECT key FROM lines WHERE reason = ?", [UNFINISHED])
        ]
        changed |= set(self._follower.ended(running))
        changed |= self._judged()
        self._last = until
        return sorted(changed)

    def _judged(self) -> set[int]:
        """Keys of the trajectories on which the judge has given new verdicts."""
        if self.judge is None:
            self.judge = self._chosen_judge()
            if self.judge is None:
                return set()
            self._judged_until = ""
            return {key for (key,) in self._rows("SELECT key FROM lines")}
        given = self._verdicts.given_since(self.judge, self._judged_until)
        if given:
            self._judged_until = max(time for _, time in given)
        digests = json.dumps([question for question, _ in given])
        return {
            key
            for (key,) in self._rows(
                "SELECT key FROM questions WHERE digest IN (SELECT value FROM json_each(?))",
                [digests],
            )
        }

    def _chosen_judge(self) -> JudgeInfo | None:
        counts = self._verdicts.counts()
        if self._judge_name is None:
            known = [judge for judge in counts if judge.kind != "people"]
        else:
            known = [judge for judge in counts if judge.name == self._judge_name]
        return max(known, key=lambda judge: counts[judge], default=None)

    def _read(self, keys: Sequence[int]) -> None:
        """Read trajectories and write their lines."""
        found = self._follower.outlines(keys)
        judge = self.judge
        asked = {key: deciding(one, judge) for key, one in found.items()}
        digests = {
            question: digest for of_one in asked.values() for question, digest in of_one.items()
        }
        given = {} if judge is None else self._verdicts.given_on(judge, list(digests.values()))
        source = ReportSource(
            *("", lambda: (), () if judge is None else (judge,)),
            lambda _, question: given.get(digests[question]),
        )
        lines = [
            ListedRows.of(key, one, self._last, source, asked[key].values())
            for key, one in found.items()
        ]
        rows = {
            "lines": [made.line for made in lines],
            "questions": [row for made in lines for row in made.questions],
            "fields": [row for made in lines for row in made.fields],
        }
        self._replace(keys, rows)

    def _read_texts(self, keys: Sequence[int]) -> None:
        """Read trajectories and write their texts."""
        found = self._follower.outlines(keys)
        rows = [row for key, one in found.items() for row in rows_of_texts(key, one, self._by)]
        self._replace(keys, {"texts": rows})

    def _replace(self, keys: Sequence[int], rows: Mapping[str, Sequence[Row]]) -> None:
        """Replace the rows of trajectories in some tables, in one transaction."""
        wanted = json.dumps(list(keys))
        with self._lock:
            self._database.execute("BEGIN")
            for table, made in rows.items():
                self._database.execute(_FORGET.format(table=table), [wanted])
                if made:
                    places = ", ".join("?" * len(made[0]))
                    insert = _REMEMBER.format(table=table, places=places)
                    self._database.executemany(insert, made)
            self._database.execute("COMMIT")

    def _values(self, wanted: Wanted) -> dict[str, object]:
        text = wanted.text.strip()
        return {
            "result": wanted.result,
            "reason": wanted.reason,
            "field": wanted.field,
            "value": wanted.value.casefold(),
            "keys": self._search(text) if text else None,
        }

    def _search(self, text: str) -> str:
        """The keys of the trajectories with a text, as JSON; the last searches are remembered."""
        wanted = (text, self.mark)
        if wanted not in self._searches:
            keys = json.dumps(self._follower.holding(text))
            self._searches = {**dict(list(self._searches.items())[-3:]), wanted: keys}
        return self._searches[wanted]


def _parts(keys: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]
