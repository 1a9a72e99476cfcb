"""Records from revloop's own trajectories: each round is a response, a critique and a revision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.records.reading import entry_of
from revloop.trajectory import HUMAN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from revloop.records.reading import Finding, RecordEntry
    from revloop.trajectory import Critique, Trajectory, Version

STORE_SOURCE = "store"

_HEADING_WORDS = 20
"""The most words that the headings of a critique and its score take."""


def records_of_trajectories(trajectories: Iterable[Trajectory]) -> Iterator[RecordEntry | Finding]:
    """A record for each round: the version it started from, its critique, and the new version.

    Verdicts are ignored: nobody may have judged the new version to be better. A critic trained on
    its own rounds learns its own mistakes, so review them first.

    Args:
        trajectories: In order; their numbers from 1 serve as line numbers.
    """
    for number, trajectory in enumerate(trajectories, start=1):
        for after in trajectory.versions[1:]:
            if after.engine is not None and after.engine.kind == HUMAN:
                continue  # the feedback that made it is a record of its own
            yield record_of_round(number, trajectory, after)


def record_of_round(number: int, trajectory: Trajectory, after: Version) -> RecordEntry | Finding:
    """The record of the round that made a version.

    Args:
        number: Serves as line number.
        trajectory: The trajectory.
        after: The version.
    """
    before, critique = trajectory.base_of(after), after.critique
    parts = {} if critique is None else _parts(critique)
    draft = trajectory.draft
    fields = {
        "id": f"{trajectory.id}/{after.round}",
        "prompt": draft.prompt,
        "messages": draft.messages,
        "response": before.text,
        "revision": after.text,
        "source": STORE_SOURCE,
        "extra": {**draft.extra, "draft": draft.id, "round": after.round},
        **parts,
    }
    return entry_of(number, fields)


def _parts(critique: Critique) -> dict[str, object]:
    """The aspects of a critique, or its whole text if it has none, or says more than they do."""
    if (critique.positive, critique.negative) == (None, None) or _says_more(critique):
        return {"score": critique.score, "critique": critique.raw}
    return critique.model_dump(include={"score", "positive", "negative"})


def _says_more(critique: Critique) -> bool:
    """Whether there is more text than aspects, headings and score, such as reasoning before them.

    A critic that is trained without its reasoning learns to leave it out.
    """
    rest = critique.raw
    for aspect in (critique.positive, critique.negative):
        rest = rest.replace(aspect or "", "", 1)
    return len(rest.split()) > _HEADING_WORDS
