"""The length-controlled win rate: what it corrects, what it keeps, and when it is None."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from revloop.evaluation import figures
from revloop.evaluation.length import length_controlled_win_rate
from tests.helpers.judges import outcome

if TYPE_CHECKING:
    from revloop.evaluation import Outcome


def judged(lengths: list[int], *, bias: float, quality: float, seed: int = 0) -> list[Outcome]:
    """Records whose later text is so much longer, by a judge of a known bias and a known truth.

    The chance that the later text wins is logistic in ``quality + bias * difference / 100``.
    """
    thrown = random.Random(seed)
    found = []
    for number, difference in enumerate(lengths):
        chance = 1 / (1 + 2.718281828 ** -(quality + bias * difference / 100))
        score = float(thrown.random() < chance)
        found.append(outcome(number, (score, score), characters=(500, 500 + difference)))
    return found


def longer_in(share: float, count: int = 400) -> list[int]:
    """Length differences, positive in a share of the records."""
    thrown = random.Random(1)
    return [
        thrown.randint(5, 200) if n < share * count else -thrown.randint(5, 200)
        for n in range(count)
    ]


def by_length_alone(lengths: list[int]) -> list[Outcome]:
    """The longer text always wins."""
    return [
        outcome(n, (float(d > 0), float(d > 0)), characters=(500, 500 + d))
        for n, d in enumerate(lengths)
    ]


@pytest.mark.parametrize("share", [0.5, 0.65, 0.9])
def test_a_pure_length_bias_gives_about_a_half(share: float) -> None:
    found = by_length_alone(longer_in(share))
    assert figures.tally(found).win_rate == share
    assert length_controlled_win_rate(found) == pytest.approx(0.5, abs=0.07)


def test_without_length_bias_it_is_the_win_rate() -> None:
    found = judged(longer_in(0.75), bias=0.0, quality=1.0)
    rate = figures.tally(found).win_rate
    assert rate is not None
    assert rate > 0.65
    assert length_controlled_win_rate(found) == pytest.approx(rate, abs=0.05)


def test_the_effect_without_length_is_recovered() -> None:
    """A later text of the same length would win in 1 / (1 + e^-0.5) = 62% of the cases."""
    found = judged(longer_in(0.85, 2000), bias=1.5, quality=0.5)
    rate = figures.tally(found).win_rate
    assert rate is not None
    assert rate > 0.7
    assert length_controlled_win_rate(found) == pytest.approx(0.62, abs=0.05)


def test_a_fit_without_penalty_agrees_where_nothing_separates() -> None:
    """With differences of -1 and 1 only, the constant is the mean of two log odds."""
    scores = [(1.0, -10)] * 8 + [(0.0, -10)] * 12 + [(1.0, 10)] * 15 + [(0.0, 10)] * 5
    found = [outcome(n, (s, None), characters=(50, 50 + d)) for n, (s, d) in enumerate(scores * 50)]
    odds = ((8 / 12) * (15 / 5)) ** 0.5
    assert length_controlled_win_rate(found) == pytest.approx(odds / (1 + odds), abs=0.002)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("others", [0, 4])
def test_one_sided_lengths_are_not_measured(sign: int, others: int) -> None:
    lengths = [-sign * 9] * others + [sign * abs(d) for d in longer_in(0.5)]
    assert length_controlled_win_rate(judged(lengths, bias=1.0, quality=0.0)) is None
    assert length_controlled_win_rate(judged([*lengths, *[-sign * 9] * 5], bias=1.0, quality=0.0))


def test_texts_of_the_same_length_need_no_control() -> None:
    found = [outcome(n, (1.0, float(n % 2))) for n in range(20)]
    assert length_controlled_win_rate(found) == 0.75


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_identical_verdicts_are_not_controlled(score: float) -> None:
    found = [outcome(n, (score, score), characters=(9, n)) for n in range(20)]
    assert length_controlled_win_rate(found) == score


def test_only_ties_are_a_half() -> None:
    found = [outcome(n, (0.5, 0.5), characters=(9, n)) for n in range(20)]
    assert length_controlled_win_rate(found) == pytest.approx(0.5)


def test_unchanged_records_count_as_a_half() -> None:
    changed = [outcome(n, (1.0, 1.0), characters=(9, 4 + n)) for n in range(11)]
    same = [outcome(n, (0.5, 0.5), is_unchanged=True) for n in range(11, 22)]
    assert length_controlled_win_rate(changed + same) == 0.75


def test_few_records_are_not_measured() -> None:
    assert length_controlled_win_rate([outcome(n, characters=(9, 5 + n)) for n in range(9)]) is None
    assert length_controlled_win_rate([]) is None
