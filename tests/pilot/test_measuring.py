"""What several judges say of a pilot's drafts becomes one outcome: the majority's."""

from __future__ import annotations

import pytest

from revloop.evaluation import Outcome
from revloop.pilot.measuring import majority

Scores = tuple[float | None, float | None]
FOR, AGAINST, UNCLEAR = (1.0, 1.0), (0.0, 0.0), (1.0, 0.0)
UNREADABLE = (None, None)


def outcome(scores: Scores) -> Outcome:
    return Outcome(0, "", "original", 1, scores, 0, True, False, (1, 1))


@pytest.mark.parametrize(
    ("votes", "scores"),
    [
        ([UNCLEAR], UNCLEAR),
        ([FOR, FOR, AGAINST], FOR),
        ([FOR, AGAINST, AGAINST], AGAINST),
        ([FOR, UNCLEAR, AGAINST], (0.5, 0.5)),
        ([FOR, UNCLEAR], (0.5, 0.5)),
        ([FOR, FOR, UNREADABLE], FOR),
        ([FOR, UNREADABLE, UNREADABLE], (0.5, 0.5)),
        ([UNREADABLE, UNREADABLE], UNREADABLE),
    ],
)
def test_more_than_half_of_all_judges_decide_each_in_both_orders(
    votes: list[Scores], scores: Scores
) -> None:
    assert majority([outcome(one) for one in votes]).scores == scores
