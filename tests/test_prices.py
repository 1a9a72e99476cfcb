"""Prices of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from revloop.errors import InputError
from revloop.options.prices import Prices
from revloop.trajectory import ModelUsage, Spending, Usage, summed

if TYPE_CHECKING:
    from pathlib import Path

FILE = """
currency = "EUR"

[models."big/model"]
input = 2.0
cached_input = 0.5
output = 8.0

[models.small]
input = 1.0
output = 3.0
"""


def prices(folder: Path, text: str = FILE) -> Prices:
    file = folder / "prices.toml"
    file.write_text(text)
    return Prices.load(file)


def spent(model: str, **tokens: int) -> Spending:
    return summed([ModelUsage(model=model, requests=1, usage=Usage(**tokens))])


def test_cached_tokens_have_their_own_price(tmp_path: Path) -> None:
    tokens = spent(
        "big/model", prompt_tokens=3_000_000, cached_tokens=2_000_000, generated_tokens=500_000
    )
    assert prices(tmp_path).cost_of(tokens) == pytest.approx(2.0 + 1.0 + 4.0)


def test_without_a_price_of_their_own_they_cost_what_others_cost(tmp_path: Path) -> None:
    tokens = spent("small", prompt_tokens=1_000_000, cached_tokens=900_000)
    assert prices(tmp_path).cost_of(tokens) == pytest.approx(1.0)


def test_models_are_added_up(tmp_path: Path) -> None:
    both = summed(
        [spent("small", prompt_tokens=1_000_000), spent("big/model", generated_tokens=1_000_000)]
    )
    assert prices(tmp_path).cost_of(both) == pytest.approx(9.0)


def test_a_model_without_a_price_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No price is known for unheard: add .*unheard"):
        prices(tmp_path).cost_of(spent("unheard", prompt_tokens=1))


def test_an_amount_has_its_currency(tmp_path: Path) -> None:
    found = prices(tmp_path)
    assert (found.amount(0.01234), found.amount(1234.5)) == ("0.0123 EUR", "1,234.50 EUR")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("currency = ", "is not TOML"),
        ('currency = "EUR"', "models: Field required"),
        ('currency = "EUR"\n[models.a]\ninput = -1\noutput = 1', "models.a.input"),
        ('currency = "EUR"\n[models.a]\ninput = 1', "models.a.output"),
        ('currency = "EUR"\n[models.a]\ninput = 1\noutput = inf', "models.a.output"),
        ('currency = "EUR"\n[models.a]\ninput = 1\noutput = 1\ncahced = 1', "models.a.cahced"),
    ],
)
def test_an_unusable_file_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        prices(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml cannot be read"):
        Prices.load(tmp_path / "none.toml")
