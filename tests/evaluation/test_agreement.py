"""Agreement between judges, checked against kappas computed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from revloop.evaluation.agreement import agreement
from tests.helpers.judges import outcome

if TYPE_CHECKING:
    from revloop.evaluation import Outcome

WIN, TIE, LOSS = 1.0, 0.5, 0.0


def judge(*scores: float | None) -> list[Outcome]:
    """A judge's verdicts on records, one order each."""
    return [outcome(number, (score, None)) for number, score in enumerate(scores)]


def test_cohens_kappa_matches_the_formula() -> None:
    """20 agree on wins, 15 on losses, 5 and 10 differ: (0.7 - 0.5) / (1 - 0.5)."""
    one = judge(*[WIN] * 20, *[WIN] * 5, *[LOSS] * 10, *[LOSS] * 15)
    other = judge(*[WIN] * 20, *[LOSS] * 5, *[WIN] * 10, *[LOSS] * 15)
    found = agreement([("one", one), ("other", other)])
    assert (found.judges, found.verdicts, found.share) == (("one", "other"), 50, 0.7)
    assert found.kappa == pytest.approx(0.4)


def test_fleiss_kappa_matches_the_formula() -> None:
    """Two items all agree on, two with 2 against 1: P = 2/3, Pe = (7/12)^2 + (5/12)^2."""
    said = [judge(WIN, LOSS, WIN, LOSS), judge(WIN, LOSS, WIN, LOSS), judge(WIN, LOSS, LOSS, WIN)]
    found = agreement([(str(n), one) for n, one in enumerate(said)])
    by_chance = 0.5**2 + 0.5**2
    assert found.share == 0.5
    assert found.kappa == pytest.approx((2 / 3 - by_chance) / (1 - by_chance))


def test_identical_verdicts_are_full_agreement() -> None:
    said = judge(WIN, TIE, LOSS, WIN)
    assert agreement([("a", said), ("b", said)]).kappa == pytest.approx(1.0)
    assert agreement([("a", said), ("b", said), ("c", said)]).kappa == pytest.approx(1.0)


def test_kappa_is_undefined_if_all_verdicts_are_the_same() -> None:
    found = agreement([("a", judge(TIE, TIE)), ("b", judge(TIE, TIE))])
    assert (found.share, found.kappa) == (1.0, None)


def test_verdicts_that_one_judge_lacks_are_excluded() -> None:
    found = agreement([("a", judge(WIN, None, LOSS)), ("b", judge(WIN, LOSS, None))])
    assert (found.verdicts, found.share) == (1, 1.0)


def test_without_shared_verdicts_there_is_no_agreement() -> None:
    found = agreement([("a", judge(WIN, None)), ("b", judge(None, WIN))])
    assert (found.verdicts, found.share, found.kappa) == (0, None, None)


def test_orders_and_rounds_are_separate_verdicts() -> None:
    one = [outcome(0, (WIN, LOSS)), outcome(0, (WIN, WIN), round_=2)]
    other = [outcome(0, (WIN, WIN)), outcome(0, (WIN, WIN), round_=2)]
    assert agreement([("a", one), ("b", other)]).verdicts == 4


def test_unchanged_pairs_are_excluded_from_agreement() -> None:
    same = [outcome(0, (TIE, TIE), is_unchanged=True)]
    assert agreement([("a", same), ("b", same)]).verdicts == 0
