"""Records from revloop's own trajectories: each round is a response, a critique and a revision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.records.reading import entry_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from revloop.records.reading import Entry, Finding
    from revloop.trajectory import Trajectory, Version

STORE_SOURCE = "store"


def records_of_trajectories(trajectories: Iterable[Trajectory]) -> Iterator[Entry | Finding]:
    """A record for each round: the version it started from, the critique of it, and the new one.

    Nobody may have said that the new one is better, and verdicts are not looked at here. A critic
    that is trained on its own rounds learns its own mistakes, so look at them first.

    Args:
        trajectories: Those of a store, say; their numbers from 1 stand for lines.
    """
    for number, trajectory in enumerate(trajectories, start=1):
        for after in trajectory.versions[1:]:
            yield _record(number, trajectory, trajectory.base_of(after), after)


def _record(
    number: int, trajectory: Trajectory, before: Version, after: Version
) -> Entry | Finding:
    said = after.critique
    parts: dict[str, object] = {}
    if said is not None and said.score is not None:
        parts = {"score": said.score, "positive": said.positive, "negative": said.negative}
    elif said is not None:
        parts = {"critique": said.raw}
    draft = trajectory.draft
    fields = {
        "id": f"{trajectory.id}/{after.round}",
        "prompt": draft.prompt,
        "messages": draft.messages,
        "response": before.text,
        "revision": after.text,
        "source": STORE_SOURCE,
        "extra": {"draft": draft.id, "round": after.round},
        **parts,
    }
    return entry_of(number, fields)
