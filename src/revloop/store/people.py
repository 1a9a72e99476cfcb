"""A person's correction as the next version of a trajectory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from revloop.store.commits import Addition, add_all
from revloop.store.file import StoreFile
from revloop.store.stored_trajectory import versions_of
from revloop.trajectory import HUMAN, Critique, End, EngineInfo, StopReason, Version

if TYPE_CHECKING:
    from revloop.records import PersonFeedback


def add_version_of_person(path: str | Path, key: int, given: PersonFeedback) -> int | None:
    """Commit a person's corrected text as the next version of a trajectory.

    A trajectory that had ended ends again, with one more round done, so that a batch goes on from
    there if more rounds are requested. One that a batch is revising goes on at once.

    Args:
        path: The store.
        key: The trajectory's key.
        given: The feedback, with a revision.

    Returns:
        The round of the version; None if a batch was first with that round.

    Raises:
        StoreError: It could not be committed.
        ValueError: There is no revision.
    """
    if given.revision is None:
        raise ValueError("there is no corrected text")
    words = "\n\n".join(filter(None, (given.positive, given.negative)))
    said = Critique(raw=words, score=given.score, positive=given.positive, negative=given.negative)
    file = StoreFile.open(Path(path))
    try:
        with file.transaction():
            round_ = len(versions_of(file, key))
            sql = "SELECT 1 FROM trajectories WHERE key = ? AND ending IS NOT NULL"
            had_ended = bool(file.rows(sql, (key,)))
            version = Version(
                round=round_,
                text=given.revision,
                critique=said if words or given.score is not None else None,
                engine=EngineInfo(kind=HUMAN, model=given.author),
                base=given.round,
                created_at=given.given_at,
            )
            detail = f"Version {round_} was written by {given.author}."
            end = End(reason=StopReason.ROUNDS_DONE, detail=detail)
            additions = [Addition(key, version, round_)]
            if had_ended:
                additions.append(Addition(key, end, round_))
            return round_ if add_all(file, additions)[0] else None
    finally:
        file.close()
