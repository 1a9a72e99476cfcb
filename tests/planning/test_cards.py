"""The cards: plausible and consistent figures."""

from __future__ import annotations

import pytest

from revloop.errors import DoesNotFitError
from revloop.planning import CARDS, Card, card_named, card_names


def test_every_card_has_a_name_of_its_own_and_a_source() -> None:
    assert len({card.name for card in CARDS}) == len(CARDS)
    assert all("https://" in card.source for card in CARDS)


@pytest.mark.parametrize(
    ("name", "sparse_tflops"),
    [("a100", 624), ("h100", 1979), ("h100-pcie", 1513), ("h200", 1979), ("l40s", 733)],
)
def test_the_figure_is_the_dense_one(name: str, sparse_tflops: float) -> None:
    assert card_named(name).bf16_tflops == pytest.approx(sparse_tflops / 2, rel=0.02)


def test_a_gigabyte_is_a_thousand_million_bytes() -> None:
    assert card_named("h100").memory_gib == pytest.approx(74.5, abs=0.01)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_token_of_a_large_batch_is_arithmetic_and_of_a_small_one_is_reading(card: Card) -> None:
    """A card does a hundred to several hundred operations while it reads one byte."""
    assert 100 < card.bf16_tflops * 1e12 / (card.bandwidth_gb_s * 1e9) < 500


def test_a_card_is_found_in_any_case() -> None:
    assert card_named("H100").title == "H100 SXM"


def test_a_card_without_figures_is_refused_with_those_that_have_some() -> None:
    with pytest.raises(DoesNotFitError, match=r"no figures for the GPU 'v100'.*a100-40.*b200"):
        card_named("v100")
    assert card_names().startswith("a100-40, a100, h100")
