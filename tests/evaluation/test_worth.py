"""What rounds took, and what their tokens bought."""

from __future__ import annotations

import pytest

from revloop.errors import InputError
from revloop.evaluation import JudgeFigures, RoundFigures
from revloop.evaluation.worth import spending_figures
from revloop.options import ModelPrice, Prices
from tests.helpers.judges import info
from tests.helpers.report_samples import trajectory

TWO = [trajectory("a", "b", "c", id_="one"), trajectory("a", "b", id_="two")]
PRICES = Prices(
    currency="USD", models={"script": ModelPrice(input=10.0, cached_input=1.0, output=50.0)}
)


def judged(*win_rates: float | None) -> JudgeFigures:
    """A judge of two records with these win rates against the original, round by round."""
    none = dict.fromkeys(RoundFigures.model_fields)
    whole = {
        name: 0 for name, field in RoundFigures.model_fields.items() if field.annotation is int
    }
    about = {**none, **whole, "against": "original", "counted": 2, "readable": 4}
    rows = [
        RoundFigures.model_validate({**about, "round": number, "win_rate": rate})
        for number, rate in enumerate(win_rates, start=1)
    ]
    return JudgeFigures(judge=info(), rounds=tuple(rows))


def test_tokens_are_added_by_round() -> None:
    first, second = spending_figures(TWO, [], rounds=2)
    assert (first.requests, first.prompt_tokens, first.cached_tokens) == (2, 200, 80)
    assert (second.requests, second.prompt_tokens, second.generated_tokens) == (1, 100, 20)
    assert (first.cost, first.worth) == (None, ())


def test_money_is_counted_with_prices() -> None:
    first, _ = spending_figures(TWO, [], rounds=2, prices=PRICES)
    assert first.cost == pytest.approx((120 * 10 + 80 * 1 + 40 * 50) / 1e6)


def test_net_wins_are_divided_by_the_tokens_of_all_rounds_so_far() -> None:
    first, second = spending_figures(TWO, [judged(0.75, 1.0)], rounds=2)
    assert first.worth[0].net_wins == 1.0
    assert first.worth[0].net_wins_a_million_tokens == pytest.approx(1e6 / 240)
    assert second.worth[0].net_wins == 2.0
    assert second.worth[0].net_wins_a_million_tokens == pytest.approx(2e6 / 360)
    assert second.worth[0].added_a_million_tokens == pytest.approx(1e6 / 120)


def test_a_round_that_harms_adds_less_than_nothing() -> None:
    _, second = spending_figures(TWO, [judged(0.75, 0.5)], rounds=2)
    added = second.worth[0].added_a_million_tokens
    assert added is not None
    assert added < 0


def test_without_a_win_rate_nothing_is_measured() -> None:
    first, second = spending_figures(TWO, [judged(None, 0.75)], rounds=2)
    assert first.worth[0].net_wins_a_million_tokens is None
    assert second.worth[0].added_a_million_tokens is None


def test_texts_without_requests_have_no_figures() -> None:
    assert spending_figures([trajectory("a")], [], rounds=1) == ()


def test_a_model_without_a_price_is_named() -> None:
    with pytest.raises(InputError, match="No price is known for script"):
        spending_figures(TWO, [], rounds=2, prices=Prices(currency="USD", models={}))
