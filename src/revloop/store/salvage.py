"""Copies what is still readable of a damaged store into a new one."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from revloop.errors import StoreError
from revloop.files.store_files import canonical_path
from revloop.store.file import StoreFile, check_identity
from revloop.store.pages import Pages
from revloop.store.salvaged_rows import INSERT, row_of
from revloop.store.schema import FEEDBACK, SAMPLES, VERDICTS
from revloop.trajectory import Draft, Version

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAMED = 20
# missing rounds, by the highest round that was read and by the rounds in the ending
_MISSING = """
SELECT s.trajectory, t.draft_id, max(s.last, coalesce(t.rounds, 0)) + 1 - s.number
FROM (
    SELECT trajectory, max(round) AS last, count(*) AS number FROM versions GROUP BY trajectory
) s LEFT JOIN trajectories t ON t.key = s.trajectory
WHERE max(s.last, coalesce(t.rounds, 0)) + 1 > s.number
UNION ALL
SELECT key, draft_id, rounds + 1 FROM trajectories
WHERE rounds IS NOT NULL AND NOT EXISTS (SELECT 1 FROM versions WHERE trajectory = key)
"""
_WITHOUT_VERSION_0 = """
SELECT key, draft, (SELECT version FROM versions WHERE trajectory = key ORDER BY round LIMIT 1)
FROM trajectories
WHERE key > ? AND NOT EXISTS (SELECT 1 FROM versions WHERE trajectory = key AND round = 0)
AND EXISTS (SELECT 1 FROM versions WHERE trajectory = key)
ORDER BY key LIMIT 64
"""
_AFTER_A_GAP = """
DELETE FROM versions WHERE round >= (
    SELECT count(*) FROM versions v
    WHERE v.trajectory = versions.trajectory AND v.round <= versions.round
)
"""
_ENDS_OF_OTHER_ROUNDS = """
UPDATE trajectories SET ending = NULL, reason = NULL, rounds = NULL
WHERE rounds IS NOT (SELECT max(round) FROM versions WHERE trajectory = key)
"""
_LAST_KEY = """
SELECT max(
    (SELECT coalesce(max(key), 0) FROM trajectories),
    (SELECT coalesce(max(trajectory), 0) FROM versions),
    (SELECT coalesce(max(trajectory), 0) FROM rows)
)
"""
_ENDED_WITHOUT_VERSIONS = """
SELECT key FROM trajectories
WHERE rounds IS NOT NULL AND NOT EXISTS (SELECT 1 FROM versions WHERE trajectory = key)
"""
_FEEDBACK_WITHOUT_VERSION = """
DELETE FROM feedback WHERE NOT EXISTS (
    SELECT 1 FROM versions v WHERE v.trajectory = feedback.trajectory AND v.round = feedback.round
)
"""
_EMPTY_SAMPLES = """
DELETE FROM samples
WHERE size IS NOT NULL AND NOT EXISTS (SELECT 1 FROM sampled WHERE sample = samples.id)
"""
_NAMELESS_JUDGES = """
SELECT count(DISTINCT judge) FROM verdicts WHERE judge NOT IN (SELECT digest FROM judges)
"""


class Losses(NamedTuple):
    """What could not be read of a store, as far as the rest shows.

    Attributes:
        trajectories: Trajectories without a draft or a version.
        versions: Versions that are missing.
        after_a_gap: Versions left out because an earlier one of their trajectory is missing.
        rebuilt: Versions 0 that were missing and restored from the draft.
        which: What is known about the first of them, one line each.
        feedback: Editions of people's feedback on versions that are missing.
        judges: Judges whose names are missing. Their verdicts count when they give another one.
    """

    trajectories: int
    versions: int
    after_a_gap: int
    rebuilt: int
    which: tuple[str, ...]
    feedback: int = 0
    judges: int = 0

    def __bool__(self) -> bool:
        """Whether anything was lost."""
        return any((self.trajectories, self.versions, self.feedback, self.judges))


def salvage(path: Path, into: Path) -> Losses:
    """Copy what is readable of a store into a new one.

    A trajectory is copied up to its first missing round; its end is copied only if no round is
    missing. Feedback is copied with its version, verdicts and samples as far as they can be read;
    how many of these are lost cannot be told. The damaged store is not changed.

    Args:
        path: The store, damaged or not; nothing may write to it meanwhile.
        into: The new store.

    Raises:
        StoreError: There is no such file, or nothing in it is readable as a store.
    """
    try:
        pages = Pages(canonical_path(path))
    except OSError as exc:
        raise StoreError(f"{path} cannot be read: {exc.strerror}.") from exc
    with pages, closing(_new_store(into)) as new:
        if pages.header.is_sqlite:  # else the header is damaged, and the pages may be readable
            check_identity(path, pages.header.application, pages.header.version)
        with new.transaction():
            for record in pages.records():
                if (found := row_of(record)) is not None:
                    table, row = found
                    new.write(INSERT[table], row)
            if not new.rows("SELECT 1 FROM trajectories LIMIT 1"):
                raise StoreError(
                    f"Nothing in {path} can be read as a trajectory: it is not a revloop store, or "
                    "nothing is left of it. Restore a copy from before the damage."
                )
            new.write(
                "INSERT OR IGNORE INTO runs SELECT DISTINCT run, '', '{}', '' FROM trajectories", ()
            )
            losses = _make_whole(new)
            return _people_made_whole(new, losses)


def _new_store(path: Path) -> StoreFile:
    """A new store with the tables of people and judges."""
    StoreFile.open(path).close()
    return StoreFile.open(path, more_tables=FEEDBACK + VERDICTS + SAMPLES)


def _make_whole(new: StoreFile) -> Losses:
    """Delete versions without a draft or after a gap, and count what is missing."""
    known = _number(new, "SELECT count(*) FROM versions")
    by_number = _number(new, "SELECT coalesce(max(rowid), 0) FROM versions") - known
    missing = new.rows(_MISSING)
    by_round = sum(number for *_, number in missing)
    lost = [*_keys_without_a_draft(new), *(key for (key,) in new.rows(_ENDED_WITHOUT_VERSIONS))]
    which = [_name_of(new, key) for key in lost[:_NAMED]]
    which += [
        f"{number} version{'s' * (number > 1)} of draft {draft_id}"
        for key, draft_id, number in missing[:_NAMED]
        if draft_id is not None and key not in lost
    ]
    new.write("DELETE FROM versions WHERE trajectory NOT IN (SELECT key FROM trajectories)", ())
    rebuilt = _rebuild_versions_0(new)
    before = _number(new, "SELECT count(*) FROM versions")
    new.write(_AFTER_A_GAP, ())
    new.write(_ENDS_OF_OTHER_ROUNDS, ())
    return Losses(
        trajectories=len(lost),
        versions=max(by_number, by_round) - rebuilt,
        after_a_gap=before - _number(new, "SELECT count(*) FROM versions"),
        rebuilt=rebuilt,
        which=tuple(which[:_NAMED]),
    )


def _people_made_whole(new: StoreFile, losses: Losses) -> Losses:
    """Delete feedback on missing versions, and samples without their pairs or the reverse."""
    before = _number(new, "SELECT count(*) FROM feedback")
    new.write(_FEEDBACK_WITHOUT_VERSION, ())
    new.write("DELETE FROM sampled WHERE sample NOT IN (SELECT id FROM samples)", ())
    new.write(_EMPTY_SAMPLES, ())  # declared again, it is drawn again
    new.write("DELETE FROM sample_fields WHERE sample NOT IN (SELECT id FROM samples)", ())
    return losses._replace(
        feedback=before - _number(new, "SELECT count(*) FROM feedback"),
        judges=_number(new, _NAMELESS_JUDGES),
    )


def _number(file: StoreFile, sql: str) -> int:
    number: int = file.rows(sql)[0][0]
    return number


def _keys_without_a_draft(new: StoreFile) -> Iterator[int]:
    """Keys of lost trajectories: keys are consecutive, and none is ever deleted."""
    known = {key for (key,) in new.rows("SELECT key FROM trajectories")}
    last = _number(new, _LAST_KEY)
    return (key for key in range(1, last + 1) if key not in known)


def _name_of(new: StoreFile, key: int) -> str:
    """What is known about a lost trajectory."""
    rows = new.rows("SELECT number, draft_id FROM rows WHERE trajectory = ? LIMIT 1", (key,))
    rows = rows or new.rows("SELECT NULL, draft_id FROM trajectories WHERE key = ?", (key,))
    for number, draft_id in rows:
        row = "" if number is None else f" (row {number} of the input)"
        return f"the trajectory of draft {draft_id}{row}"
    return f"the trajectory with the key {key}, whose name is lost"


def _rebuild_versions_0(new: StoreFile) -> int:
    """Restore version 0 from the draft, with the next version's time."""
    after = rebuilt = 0
    while found := new.rows(_WITHOUT_VERSION_0, (after,)):
        for after, draft, version in found:
            created_at = Version.model_validate_json(version).created_at
            text = Draft.from_json(draft).response
            first = Version(round=0, text=text, created_at=created_at)
            sql = "INSERT INTO versions (trajectory, round, version) VALUES (?, 0, ?)"
            new.write(sql, (after, first.model_dump_json()))
            rebuilt += 1
    return rebuilt
