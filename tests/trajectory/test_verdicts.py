"""Verdicts: how they score, how two of them decide, and the paper's figures."""

from __future__ import annotations

import itertools

import pytest
from pydantic import ValidationError

from revloop.trajectory import (
    Comparison,
    Judge,
    Preference,
    Tally,
    Verdict,
    challenger_score,
    compare,
)
from tests.helpers.judges import RuleJudge, always_first, longer_wins

STANDING, CHALLENGER = 1, 3


def decided(one: Preference, other: Preference) -> int:
    """Which version is kept, by the verdicts with the incumbent first and second."""
    verdicts = (Verdict(preference=one), Verdict(preference=other))
    return Comparison(incumbent=STANDING, challenger=CHALLENGER, verdicts=verdicts).winner


# arXiv 2311.14543, one round against the original: win, tie, loss of 160 verdicts
@pytest.mark.parametrize(
    ("counts", "published"),
    [
        ((70, 62, 28), 63.1),
        ((78, 50, 32), 64.4),
        ((57, 67, 36), 56.6),
        ((12, 89, 59), 35.3),
    ],
)
def test_win_rates_are_those_of_the_paper(counts: tuple[int, int, int], published: float) -> None:
    tally = Tally(*counts)
    assert tally.verdicts == 160
    assert tally.win_rate is not None
    assert round(100 * tally.win_rate, 1) == pytest.approx(published, abs=0.051)


def test_a_win_rate_counts_half_of_the_ties() -> None:
    assert Tally(57, 67, 36).win_rate == (57 + 67 / 2) / 160 == 0.565625


def test_without_verdicts_there_is_no_win_rate() -> None:
    assert Tally(0, 0, 0).win_rate is None


def test_the_challenger_is_kept_when_it_wins_and_never_loses() -> None:
    assert decided("second", "first") == CHALLENGER
    assert decided("tie", "first") == CHALLENGER
    assert decided("second", "unparseable") == CHALLENGER


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("first", "second"),
        ("tie", "tie"),
        ("first", "first"),
        ("second", "second"),
        ("tie", "second"),
        ("unparseable", "unparseable"),
        ("unparseable", "tie"),
    ],
)
def test_when_the_judge_is_undecided_the_incumbent_is_kept(
    one: Preference, other: Preference
) -> None:
    assert decided(one, other) == STANDING


def test_a_verdict_scores_for_the_challenger_in_either_order() -> None:
    said: tuple[Preference, ...] = ("first", "second", "tie", "unparseable")
    scores = [
        challenger_score(Verdict(preference=one), challenger_first=first)
        for one, first in itertools.product(said, (True, False))
    ]
    assert scores == [1.0, 0.0, 0.0, 1.0, 0.5, 0.5, None, None]


def test_a_verdict_is_one_of_four_words() -> None:
    with pytest.raises(ValidationError, match="preference"):
        Verdict.model_validate({"preference": "both"})


def test_a_verdict_goes_to_json_and_back() -> None:
    verdict = Verdict(preference="tie", reason="Alike.", raw="Alike.\nVerdict: tie", tries=2)
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


async def test_versions_are_compared_in_both_orders() -> None:
    judge = RuleJudge(longer_wins)
    found = await compare(judge, "Why?", ("short", "longer"), (STANDING, CHALLENGER))
    assert judge.asked == [("Why?", "short", "longer"), ("Why?", "longer", "short")]
    assert [verdict.preference for verdict in found.verdicts] == ["second", "first"]
    assert found.winner == CHALLENGER


async def test_a_judge_that_looks_at_the_order_alone_changes_nothing() -> None:
    found = await compare(RuleJudge(always_first), "", ("a", "b"), (STANDING, CHALLENGER))
    assert found.winner == STANDING


def test_a_judge_of_ones_own_is_a_judge() -> None:
    assert isinstance(RuleJudge(always_first), Judge)
