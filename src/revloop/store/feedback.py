"""Feedback of people on versions: a table in the store's file, created when first needed."""

from __future__ import annotations

from datetime import UTC, datetime

from revloop.records.people import PersonFeedback
from revloop.store.file import readable
from revloop.store.schema import FEEDBACK
from revloop.store.tables import StoreTables

_LAST_EDITION = (
    "SELECT coalesce(max(edition), 0) FROM feedback "
    "WHERE trajectory = ? AND round = ? AND author = ?"
)
_ON_TRAJECTORY = (
    "SELECT given FROM feedback f WHERE trajectory = ? AND edition = ("
    "SELECT max(edition) FROM feedback WHERE trajectory = f.trajectory AND round = f.round "
    "AND author = f.author) ORDER BY round, given_at"
)
_OF_RUN = (
    "SELECT t.id, f.given FROM feedback f JOIN trajectories t ON t.key = f.trajectory "
    "WHERE t.run = ? AND f.edition = ("
    "SELECT max(edition) FROM feedback WHERE trajectory = f.trajectory AND round = f.round "
    "AND author = f.author) ORDER BY f.trajectory, f.round, f.given_at"
)


class Feedback(StoreTables):
    """The feedback of people in a store. Safe to use from several threads."""

    schema = FEEDBACK

    def add(self, key: int, given: PersonFeedback) -> PersonFeedback:
        """Commit feedback to disk as the author's newest on that version.

        Args:
            key: The trajectory's key.
            given: The feedback; its edition and time are set here.
        """
        now = datetime.now(UTC)
        with self._file.transaction():
            place = (key, given.round, given.author)
            ((last,),) = self._file.rows(_LAST_EDITION, place)
            stored = given.model_copy(update={"edition": last + 1, "given_at": now})
            self._file.write(
                "INSERT INTO feedback VALUES (?, ?, ?, ?, ?, ?)",
                (*place, stored.edition, stored.model_dump_json(), now.isoformat()),
            )
        return stored

    def on_trajectory(self, key: int) -> list[PersonFeedback]:
        """The newest feedback of each person on each version of a trajectory."""
        if not self._has("feedback"):
            return []
        with readable(self._file.path):
            rows = self._file.rows(_ON_TRAJECTORY, (key,))
            return [PersonFeedback.model_validate_json(text) for (text,) in rows]

    def of_run(self, run: int | None) -> dict[str, list[PersonFeedback]]:
        """The newest feedback of each person on each version of a run, by trajectory id."""
        found: dict[str, list[PersonFeedback]] = {}
        if self._has("feedback"):
            with readable(self._file.path):
                for id_, text in self._file.rows(_OF_RUN, (run,)):
                    found.setdefault(id_, []).append(PersonFeedback.model_validate_json(text))
        return found
