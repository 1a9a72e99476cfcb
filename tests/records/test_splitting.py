"""Splitting: no prompt in two parts, the shares met, the same split from the same seed."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.errors import InputError
from revloop.records import assign_parts, prompt_key
from tests.helpers.record_samples import TURNS, record

keys_of = st.lists(st.text("abc", max_size=2), max_size=60)
some_shares = st.lists(st.floats(0, 10), min_size=1, max_size=4).filter(lambda s: sum(s) > 0.001)


@given(keys_of, some_shares, st.integers(0, 99))
def test_no_prompt_is_on_two_sides(keys: list[str], shares: list[float], seed: int) -> None:
    parts = assign_parts(keys, shares=shares, seed=seed)
    sides: dict[str, set[int]] = {}
    for key, part in zip(keys, parts, strict=True):
        sides.setdefault(key, set()).add(part)
    assert all(len(found) == 1 for found in sides.values())
    assert all(shares[part] > 0 for part in parts)


@given(st.integers(0, 300), st.integers(0, 99))
def test_shares_are_met_to_the_record_where_no_prompt_repeats(count: int, seed: int) -> None:
    parts = Counter(assign_parts([str(n) for n in range(count)], seed=seed))
    for part, share in enumerate((0.8, 0.1, 0.1)):
        assert abs(parts[part] - share * count) <= 1


def test_shares_are_nearly_met_with_groups() -> None:
    keys = [f"prompt {n % 130}" for n in range(1_000)]
    parts = Counter(assign_parts(keys))
    assert [abs(parts[i] - wanted) <= 8 for i, wanted in enumerate((800, 100, 100))] == [True] * 3


def test_the_same_seed_gives_the_same_split_and_another_another() -> None:
    keys = [str(n) for n in range(100)]
    assert assign_parts(keys, seed=3) == assign_parts(keys, seed=3) != assign_parts(keys, seed=4)


def test_shares_are_scaled() -> None:
    keys = [str(n) for n in range(50)]
    assert assign_parts(keys, shares=(80, 10, 10)) == assign_parts(keys)


def test_a_share_of_nothing_leaves_a_part_empty() -> None:
    assert set(assign_parts([str(n) for n in range(10)], shares=(1, 0, 1))) == {0, 2}


@pytest.mark.parametrize("shares", [(0, 0, 0), (1, -1, 1), (1, float("nan"), 0), (float("inf"),)])
def test_shares_that_are_none_are_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="Shares are numbers"):
        assign_parts(["a"], shares=shares)


@pytest.mark.parametrize(
    "same",
    [
        "why  do shops sell Hydrogen Peroxide in bottles of coloured plastic",
        "Why do shops sell hydrogen peroxide,\nin bottles of coloured plastic?!",
    ],
)
def test_case_punctuation_and_white_space_make_no_other_prompt(same: str) -> None:
    assert prompt_key(record(prompt=same)) == prompt_key(record())


def test_other_words_make_another_prompt() -> None:
    assert prompt_key(record(prompt="Why glass?")) != prompt_key(record())


def test_a_prompt_of_signs_alone_is_its_own() -> None:
    assert prompt_key(record(prompt="???")) == "???"


def test_a_conversation_is_one_prompt() -> None:
    key = prompt_key(record(prompt=None, messages=TURNS))
    assert key == "name a prime seven and one above ten"


def test_without_a_prompt_the_response_decides() -> None:
    assert prompt_key(record(prompt=None, response="So it is.")) == "so it is"
