"""The order in which records are trained on."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from revloop.finetune.order import LengthGrouped

if TYPE_CHECKING:
    from collections.abc import Sequence

LENGTHS = [30 + 7 * n % 61 for n in range(500)]


def padded(order: Sequence[int], size: int) -> float:
    """Tokens that are computed for each token of text."""
    batches = [[LENGTHS[n] for n in order[at : at + size]] for at in range(0, len(order), size)]
    return sum(max(batch) * len(batch) for batch in batches) / sum(LENGTHS)


@given(st.lists(st.integers(1, 99), max_size=80), st.integers(1, 9), st.integers(0, 3))
def test_each_record_comes_once(lengths: list[int], size: int, epoch: int) -> None:
    sampler = LengthGrouped(lengths, size, seed=0)
    sampler.set_epoch(epoch)
    assert sorted(sampler) == list(range(len(sampler)))


def test_little_is_padded() -> None:
    sampler = LengthGrouped(LENGTHS, 8, seed=0)
    assert padded(list(range(500)), 8) > 1.3
    assert padded(list(sampler), 8) < 1.1


def test_long_and_short_records_stay_mixed_over_an_epoch() -> None:
    order = list(LengthGrouped(LENGTHS, 8, seed=0))
    parts = [fmean(LENGTHS[n] for n in order[at : at + 250]) for at in (0, 250)]
    assert abs(parts[0] - parts[1]) < 8


def test_an_epoch_has_the_same_order_whatever_came_before() -> None:
    first, second = LengthGrouped(LENGTHS, 8, seed=0), LengthGrouped(LENGTHS, 8, seed=0)
    orders = []
    for epoch in range(2):
        first.set_epoch(epoch)
        orders.append(list(first))
    second.set_epoch(1)
    assert list(second) == orders[1] != orders[0]
    assert list(LengthGrouped(LENGTHS, 8, seed=1)) != orders[0]
