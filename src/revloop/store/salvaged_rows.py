"""Tells which table of a store a record of a damaged file is from, and whether it is whole."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from revloop.records.people import PersonFeedback
from revloop.trajectory import Draft, End, JudgeInfo, Verdict, Version
from revloop.values import read_json

if TYPE_CHECKING:
    from revloop.store.pages import SqliteRecord, Value

    Row = tuple[Value, ...]

INSERT = {
    "runs": "INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?)",
    # an unused page may contain an older copy
    "trajectories": "INSERT INTO trajectories VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET ending = excluded.ending, reason = excluded.reason, "
    "rounds = excluded.rounds WHERE excluded.rounds > coalesce(trajectories.rounds, -1)",
    "versions": "INSERT OR IGNORE INTO versions (rowid, trajectory, round, version) "
    "VALUES (?, ?, ?, ?)",
    "inputs": "INSERT OR REPLACE INTO inputs VALUES (?, ?, ?, ?, ?, ?)",
    "rows": "INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?, ?)",
    "rejects": "INSERT OR IGNORE INTO rejects VALUES (?, ?, ?, ?)",
    "feedback": "INSERT OR IGNORE INTO feedback VALUES (?, ?, ?, ?, ?, ?)",
    "judges": "INSERT OR IGNORE INTO judges (rowid, digest, info) VALUES (?, ?, ?)",
    "verdicts": "INSERT INTO verdicts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    "verdict = excluded.verdict, given_at = excluded.given_at WHERE excluded.given_at > given_at",
    "samples": "INSERT OR IGNORE INTO samples VALUES (?, ?, ?, ?, ?, ?)",
    "sampled": "INSERT OR IGNORE INTO sampled VALUES (?, ?)",
    "sample_fields": "INSERT OR IGNORE INTO sample_fields VALUES (?, ?)",
}
"""How the rows of each table are inserted."""

_QUESTION = re.compile("[0-9a-f]{32}")


def row_of(record: SqliteRecord) -> tuple[str, Row] | None:
    """A record's table and row; None if it is not from a store's table, or is damaged.

    The column types identify the table.
    """
    try:
        return _of_rounds(record) or _of_run(record) or _of_people(record) or _of_samples(record)
    except ValueError:
        return None


def _of_rounds(record: SqliteRecord) -> tuple[str, Row] | None:
    """A version, a trajectory, or a row of the input that leads to one."""
    values = record.values
    match values:
        case (int(), int(round_), str(text)) if record.rowid is not None:
            is_good = Version.model_validate_json(text).round == round_
            return ("versions", (record.rowid, *values)) if is_good else None
        case (None, int(), str(), str(), str(draft), str(content), *end) if len(end) == 3:
            is_good = Draft.from_json(draft).content_digest == content.partition("+")[0]
            row = (record.rowid, *values[1:6], *_checked_end(*end))
            return ("trajectories", row) if is_good else None
        case (int(), int(), int(), str(draft_id), str(rest)) if record.rowid is None:
            is_good = isinstance(read_json(rest), dict) and read_json(draft_id) is not None
            return ("rows", values) if is_good else None
    return None


def _of_run(record: SqliteRecord) -> tuple[str, Row] | None:
    """A run, its input, or a rejected row of that."""
    values = record.values
    match values:
        case (int(), int(), str(), str()) if record.rowid is not None:
            return "rejects", values
        case (None, str(), str(), str()):
            return "runs", (record.rowid, *values[1:])
        case (None, str(), str() | None, int() | None, int() | None, int()):
            return "inputs", (record.rowid, *values[1:])
    return None


def _of_people(record: SqliteRecord) -> tuple[str, Row] | None:
    """A row of what judges and people write."""
    values = record.values
    match values:
        case (int(), int(round_), str(author), int(edition), str(text), str()):
            given = PersonFeedback.model_validate_json(text)
            is_good = (given.round, given.author, given.edition) == (round_, author, edition)
            return ("feedback", values) if is_good else None
        case (str(digest), str(info)) if record.rowid is not None:
            is_good = JudgeInfo.model_validate_json(info).digest == digest
            return ("judges", (record.rowid, *values)) if is_good else None
        case (str(), str(question), str(verdict), str(given_at)) if record.rowid is None:
            Verdict.model_validate_json(verdict)
            datetime.fromisoformat(given_at)
            return ("verdicts", values) if _QUESTION.fullmatch(question) else None
    return None


def _of_samples(record: SqliteRecord) -> tuple[str, Row] | None:
    """A row of what people were asked about."""
    values = record.values
    match values:
        case (None, "original" | "previous", int(), int() | None, int(), str(declared_at)):
            datetime.fromisoformat(declared_at)
            return "samples", (record.rowid, *values[1:])
        case (None, str()):
            return "sample_fields", (record.rowid, *values[1:])
        case (int(), str(question)) if record.rowid is None:
            return ("sampled", values) if _QUESTION.fullmatch(question) else None
    return None


def _checked_end(ending: Value, reason: Value, rounds: Value) -> tuple[Value, Value, Value]:
    """A trajectory's end; if it is unreadable, only its number of rounds."""
    if not isinstance(rounds, int):
        return None, None, None
    try:
        is_good = End.model_validate_json(str(ending)).reason.value == reason
    except ValueError:
        is_good = False
    return (ending, reason, rounds) if is_good else (None, None, rounds)
