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


@pytest.mark.parametrize(
    ("name", "nvidia_smi_mib"),
    [
        ("a100-40", 40960),
        ("a100", 81920),
        ("h100", 81559),
        ("h200", 143771),
        ("b200", 183359),
        ("l40s", 46068),
        ("l4", 23034),
        ("a10g", 23028),
        ("rtx5090", 32607),
        ("rtx4090", 24564),
        ("rtx3090", 24576),
    ],
)
def test_a_program_gets_a_little_less_memory_than_nvidia_smi_reports(
    name: str, nvidia_smi_mib: int
) -> None:
    assert 0.97 < card_named(name).memory_gib * 1024 / nvidia_smi_mib < 0.998


@pytest.mark.parametrize(("name", "sheet_gb"), [("h100", 80), ("a100", 80), ("h200", 141)])
def test_a_card_holds_more_than_its_sheet_says_in_decimal_gigabytes(
    name: str, sheet_gb: float
) -> None:
    assert card_named(name).memory_gib > sheet_gb * 1e9 / 2**30


@pytest.mark.parametrize(
    "card", [card for card in CARDS if card.fp8_tflops], ids=lambda card: card.name
)
def test_fp8_is_twice_as_fast_as_bf16(card: Card) -> None:
    assert card.fp8_tflops == pytest.approx(2 * card.bf16_tflops, rel=0.02)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_token_of_a_large_batch_is_arithmetic_and_of_a_small_one_is_reading(card: Card) -> None:
    """A card does some ten to several hundred operations while it reads one byte."""
    assert 60 < card.bf16_tflops * 1e12 / (card.bandwidth_gb_s * 1e9) < 500


def test_a_card_is_found_in_any_case() -> None:
    assert card_named("H100").title == "H100 SXM"


def test_a_card_without_figures_is_refused_with_those_that_have_some() -> None:
    with pytest.raises(DoesNotFitError, match=r"no figures for the GPU 'v100'.*a100-40.*rtx3060"):
        card_named("v100")
    assert card_names().startswith("a100-40, a100, h100")
