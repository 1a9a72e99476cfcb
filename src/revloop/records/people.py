"""Feedback that a person gave on one version, and the record that it makes."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import Field

from revloop.records.reading import entry_of
from revloop.values import Frozen, Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from revloop.records.reading import Finding, RecordEntry
    from revloop.trajectory import Trajectory

PEOPLE_SOURCE = "people"


class PersonFeedback(Frozen):
    """What a person said about a version, and how they would write it."""

    round: int = Field(ge=0, description="The version's round.")
    author: Text = Field(min_length=1, description="The person's name.")
    edition: int = Field(default=1, ge=1, description="1 for the first they gave on this version.")
    given_at: datetime = Field(description="When it was given, with its time zone.")
    score: float | None = Field(
        default=None, allow_inf_nan=False, description="On the prompt set's scale."
    )
    positive: Text | None = Field(default=None, description="What is good about the version.")
    negative: Text | None = Field(default=None, description="What could be better.")
    revision: Text | None = Field(
        default=None, description="The corrected text; None if it was left as it is."
    )


def record_of_person(
    number: int, trajectory: Trajectory, given: PersonFeedback
) -> RecordEntry | Finding:
    """The record of a person's feedback on a version.

    Args:
        number: Serves as line number.
        trajectory: The version's trajectory.
        given: The feedback.
    """
    draft = trajectory.draft
    about = {"draft": draft.id, "round": given.round, "author": given.author}
    fields = {
        "id": f"{trajectory.id}/{given.round}/{given.author}",
        "prompt": draft.prompt,
        "messages": draft.messages,
        "response": trajectory.versions[given.round].text,
        **given.model_dump(include={"score", "positive", "negative", "revision"}),
        "source": PEOPLE_SOURCE,
        "extra": {**draft.extra, **about, "given_at": given.given_at.isoformat()},
    }
    return entry_of(number, fields)


def records_of_people(
    trajectories: Iterable[Trajectory], given: dict[str, list[PersonFeedback]]
) -> Iterator[RecordEntry | Finding]:
    """A record for each person's last feedback on a version.

    Args:
        trajectories: In order; their numbers from 1 serve as line numbers.
        given: The feedback by the trajectory's id.
    """
    left = dict(given)
    for number, trajectory in enumerate(trajectories, start=1):
        for one in left.pop(trajectory.id, []):  # rows of equal content share a trajectory
            if one.round <= trajectory.rounds:
                yield record_of_person(number, trajectory, one)
