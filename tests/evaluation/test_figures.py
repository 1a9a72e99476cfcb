"""Each figure against a case computed by hand, and against the reference library."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from revloop.evaluation import figures
from revloop.evaluation.rounds import rounds_of
from tests.helpers.judges import outcome, outcomes_of

PAPER = outcomes_of(57, 67, 36)  # ChatGPT, one round, as arXiv 2311.14543 counts its 160 verdicts


class TestTally:
    def test_both_orders_are_counted(self) -> None:
        found = [outcome(0, (1.0, 0.5)), outcome(1, (0.0, None)), outcome(2, (None, None))]
        assert figures.tally(found) == (1, 1, 1)

    def test_the_papers_counts_give_the_papers_rate(self) -> None:
        assert figures.tally(PAPER).win_rate == 0.565625

    def test_unreadable_verdicts_are_counted_separately(self) -> None:
        found = [outcome(0, (1.0, None), unparseable=1), outcome(1, (None, None), unparseable=2)]
        (row,) = rounds_of(found, rounds=1, sizes={"": 2})
        assert (row.unparseable, figures.tally(found)) == (3, (1, 0, 0))


class TestInterval:
    def test_it_is_scipys_percentile_bootstrap_over_records(self) -> None:
        found = [
            outcome(n, pair) for n, pair in enumerate([(1.0, 0.0), (1.0, 1.0), (0.5, 0.0)] * 12)
        ]
        interval = figures.win_rate_interval(found)
        rates = [sum(o.readable) / 2 for o in found]
        wanted: Any = stats.bootstrap(
            (rates,), np.mean, n_resamples=10_000, method="percentile", rng=1
        ).confidence_interval
        assert interval is not None
        assert interval == pytest.approx((wanted.low, wanted.high), abs=0.01)

    def test_records_with_one_readable_verdict_weigh_half(self) -> None:
        found = [outcome(n, (1.0, None)) for n in range(10)]
        found += [outcome(10 + n, (0.0, 0.0)) for n in range(10)]
        interval = figures.win_rate_interval(found)
        scores = np.array([1.0] * 10 + [0.0] * 10)
        counts = np.array([1.0] * 10 + [2.0] * 10)
        wanted: Any = stats.bootstrap(
            (scores, counts),
            lambda s, c, axis: s.sum(axis) / c.sum(axis),
            paired=True,
            n_resamples=10_000,
            method="percentile",
            rng=1,
        ).confidence_interval
        assert interval is not None
        assert interval == pytest.approx((wanted.low, wanted.high), abs=0.02)

    def test_agreeing_orders_do_not_narrow_the_interval(self) -> None:
        """80 records with two equal verdicts each are 80 pieces of evidence, not 160."""
        twice = [outcome(n, (float(n % 2), float(n % 2))) for n in range(80)]
        once = [outcome(n, (float(n % 2), None)) for n in range(80)]
        assert figures.win_rate_interval(twice) == figures.win_rate_interval(once)

    def test_the_same_call_gives_the_same_interval(self) -> None:
        assert figures.win_rate_interval(PAPER) == figures.win_rate_interval(PAPER)

    def test_the_papers_interval_contains_its_rate(self) -> None:
        interval = figures.win_rate_interval(PAPER)
        assert interval is not None
        assert 0.45 < interval.low < 0.565625 < interval.high < 0.68

    @pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
    def test_identical_scores_have_no_interval(self, score: float) -> None:
        assert figures.win_rate_interval([outcome(n, (score, score)) for n in range(99)]) is None

    def test_few_records_have_no_interval(self) -> None:
        found = [outcome(n, (float(n % 2), 1.0)) for n in range(9)]
        assert figures.win_rate_interval(found) is None
        assert figures.win_rate_interval([*found, outcome(9)]) is not None

    def test_records_without_a_readable_verdict_are_not_drawn(self) -> None:
        found = [outcome(n, (float(n % 2), 1.0)) for n in range(12)]
        silent = [outcome(n, (None, None)) for n in range(12, 40)]
        assert figures.win_rate_interval(found + silent) == figures.win_rate_interval(found)

    @given(st.lists(st.tuples(*[st.sampled_from([0.0, 0.5, 1.0, None])] * 2), max_size=30))
    def test_it_contains_the_rate_and_stays_between_0_and_1(self, scores: list[Any]) -> None:
        found = [outcome(n, pair) for n, pair in enumerate(scores)]
        interval, rate = figures.win_rate_interval(found), figures.tally(found).win_rate
        if interval is not None and rate is not None:
            assert 0 <= interval.low <= rate <= interval.high <= 1


class TestOrderFlipShare:
    def test_it_counts_pairs_whose_verdict_changed(self) -> None:
        found = [outcome(0, (1.0, 0.0)), outcome(1, (0.5, 1.0)), outcome(2), outcome(3, (0.0, 0.0))]
        assert figures.order_flip_share(found) == 0.5

    def test_pairs_with_one_order_or_without_a_change_are_excluded(self) -> None:
        found = [outcome(0, (1.0, None)), outcome(1, (0.5, 0.5), is_unchanged=True)]
        assert figures.order_flip_share(found) is None
        assert figures.order_flip_share([*found, outcome(2, (1.0, 0.0))]) == 1.0


class TestHarmRate:
    def test_it_counts_records_that_lose_in_both_orders(self) -> None:
        found = [outcome(0, (0.0, 0.0)), outcome(1, (0.0, 0.5)), outcome(2, (0.0, 1.0)), outcome(3)]
        assert figures.harm_rate(found) == 0.25

    def test_an_unchanged_record_is_not_harmed(self) -> None:
        found = [outcome(0, (0.0, 0.0)), outcome(1, (0.5, 0.5), is_unchanged=True)]
        assert figures.harm_rate(found) == 0.5

    def test_without_both_orders_it_is_not_measured(self) -> None:
        assert figures.harm_rate([outcome(0, (0.0, None))]) is None
        assert figures.harm_rate([]) is None


def test_lengths_are_means_over_the_records() -> None:
    found = [outcome(0, characters=(10, 30)), outcome(1, characters=(20, 20))]
    assert figures.mean_characters(found) == (15.0, 25.0)
    assert figures.mean_characters([]) is None


class TestSignTest:
    def test_it_matches_the_binomial_distribution(self) -> None:
        """Of six records one got worse and five better: 2 (1 + 6) / 2^6."""
        before, after = dict.fromkeys(range(8), 0.5), dict.fromkeys(range(5), 1.0)
        p = figures.sign_test(before, {**after, 5: 0.0, 6: 0.5, 7: 0.5})
        assert p == pytest.approx(2 * (1 + 6) / 64)

    @given(st.lists(st.tuples(*[st.sampled_from([0.0, 1.0])] * 2), min_size=1, max_size=40))
    def test_without_ties_it_is_mcnemars_test(self, scores: list[tuple[float, float]]) -> None:
        before, after = ({n: s[i] for n, s in enumerate(scores)} for i in (0, 1))
        table = [[sum(s == (a, b) for s in scores) for b in (1.0, 0.0)] for a in (1.0, 0.0)]
        p = figures.sign_test(before, after)
        if table[0][1] + table[1][0] == 0:
            assert p is None
        else:
            assert p == pytest.approx(mcnemar(table, exact=True).pvalue)

    def test_records_without_both_scores_are_excluded(self) -> None:
        assert figures.sign_test({0: 0.0, 1: 0.0}, {1: 0.0, 2: 1.0}) is None

    def test_the_score_of_a_record_is_the_mean_of_its_verdicts(self) -> None:
        found = [outcome(0, (1.0, 0.5)), outcome(1, (0.0, None)), outcome(2, (None, None))]
        assert figures.record_scores(found) == {0: 0.75, 1: 0.0}


class TestHolm:
    def test_the_smallest_is_multiplied_by_the_number_of_tests(self) -> None:
        assert figures.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])

    def test_impossible_tests_do_not_count(self) -> None:
        assert figures.holm([None, 0.04, None]) == [None, pytest.approx(0.04), None]
        assert figures.holm([None, None]) == [None, None]
        assert figures.holm([]) == []


def test_figures_of_nothing_do_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert figures.tally([]).win_rate is None
        assert figures.win_rate_interval([]) is None
        assert figures.order_flip_share([]) is None
