"""Which texts are compared: of rounds that exist, stopped early, or are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from revloop import StopReason, Store, Trajectory
from revloop.evaluation import pairs_of
from revloop.evaluation.pairs import text_after
from tests.helpers.judges import store_of

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.evaluation import Against

ORIGINAL: frozenset[Against] = frozenset({"original"})
BOTH: frozenset[Against] = frozenset({"original", "previous"})


def trajectory(
    folder: Path, *texts: str, reason: StopReason | None = StopReason.ROUNDS_DONE
) -> Trajectory:
    """A trajectory with these versions."""
    path = store_of(folder / "s.sqlite", [texts], reasons=[reason])
    with Store.open_to_read(path) as store:
        (found,) = store.trajectories()
    return found


def test_each_round_is_compared_with_the_original(tmp_path: Path) -> None:
    pairs = list(pairs_of(trajectory(tmp_path, "a", "b", "c"), 2, ORIGINAL))
    assert [tuple(pair.question) for pair in pairs] == [
        ("Why?", "a", "b", {}),
        ("Why?", "a", "c", {}),
    ]


def test_each_round_can_be_compared_with_the_previous_one(tmp_path: Path) -> None:
    pairs = list(pairs_of(trajectory(tmp_path, "a", "b", "c"), 2, BOTH))
    told = [(pair.against, pair.round, pair.question.first) for pair in pairs]
    assert told == [
        ("original", 1, "a"),
        ("previous", 1, "a"),
        ("original", 2, "a"),
        ("previous", 2, "b"),
    ]


@pytest.mark.parametrize(
    "reason", [StopReason.CONVERGED, StopReason.CYCLE, StopReason.NOTHING_TO_IMPROVE]
)
def test_an_early_stop_keeps_its_last_version(tmp_path: Path, reason: StopReason) -> None:
    found = trajectory(tmp_path, "a", "b", reason=reason)
    assert [text_after(found, round_) for round_ in range(4)] == ["a", "b", "b", "b"]
    assert [pair.round for pair in pairs_of(found, 3, ORIGINAL)] == [1, 2, 3]


@pytest.mark.parametrize(
    "reason",
    [StopReason.ENGINE_FAILED, StopReason.UNPARSEABLE, StopReason.CONTEXT_FULL, None],
)
def test_rounds_that_failed_or_are_not_done_are_missing(
    tmp_path: Path, reason: StopReason | None
) -> None:
    found = trajectory(tmp_path, "a", "b", reason=reason)
    assert text_after(found, 2) is None
    assert [pair.round for pair in pairs_of(found, 3, ORIGINAL)] == [1]


def test_rounds_that_were_not_requested_are_missing(tmp_path: Path) -> None:
    found = trajectory(tmp_path, "a", "b", reason=StopReason.ROUNDS_DONE)
    assert [pair.round for pair in pairs_of(found, 5, BOTH)] == [1, 1]


def test_an_unchanged_text_is_no_question(tmp_path: Path) -> None:
    pairs = list(pairs_of(trajectory(tmp_path, "a", "a", "b"), 2, ORIGINAL))
    assert [pair.is_unchanged for pair in pairs] == [True, False]
