"""The edits between two texts: `revloop.edits.differences`."""

from __future__ import annotations

import json
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.edits import EditOutcome, apply, edits_between, read_edits, write_edits
from tests.helpers.repository import DATA

ANSWERS = DATA / "fastchat80"
PIECES = st.lists(
    st.sampled_from(["a", "b", "the", " ", "  ", "\n", "\r\n", "\r", ".", "-", "+ ", "\u0301"]),
    max_size=25,
).map("".join)


def both_ways(before: str, after: str) -> None:
    """The edits give the new text to the letter, and so do the ones read from their text."""
    edits = edits_between(before, after)
    applied = apply(before, edits)
    assert applied.text == after
    assert {one.outcome for one in applied.results} <= {EditOutcome.APPLIED}
    read = read_edits(write_edits(edits))
    assert read.edits == edits
    assert read.is_none == (before == after)


@given(st.one_of(st.text(), PIECES), st.one_of(st.text(), PIECES))
def test_the_edits_of_any_two_texts_make_one_of_the_other(before: str, after: str) -> None:
    both_ways(before, after)


@given(PIECES, PIECES, PIECES, PIECES)
def test_the_edits_of_two_like_texts_do_so_too(first: str, last: str, old: str, new: str) -> None:
    both_ways(first + old + last, first + new + last)


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        ("We meet at nine.", "We meet at ten.", "- nine\n+ ten"),
        ("nine or nine", "nine or ten", "- or nine\n+ or ten"),
        ("a big cat", "a cat", "- a big cat\n+ a cat"),
        ("It is a cat.", "It is a big cat.", "- a cat\n+ a big cat"),
        ("one two three four", "1 2 three 4", "- one two three four\n+ 1 2 three 4"),
        ("one two three four", "1 two three 4", "- one\n+ 1\n- four\n+ 4"),
        ("At 9:15 or 9:30.", "At 9:15 or 9:45.", "- 9:30\n+ 9:45"),
        ("I don't, it's 2.5", "I can't, it's 3.5", "- don't\n+ can't\n- 2.5\n+ 3.5"),
        ("A.\n\nB is it.", "A.\n\nC is it.", "- B\n+ C"),
        ("- b", "+ b", "- -\n+ +"),
        ("a\n- b", "a\n- c\n- d", "- b\n+ c\n+ - d"),
        ("same", "same", "none"),
        ("", "x", "+ x"),
        ("x", "", "- x\n+"),
    ],
)
def test_a_passage_is_as_wide_as_it_takes_to_find_it(before: str, after: str, written: str) -> None:
    assert write_edits(edits_between(before, after)) == written
    both_ways(before, after)


def test_edits_far_apart_stay_apart() -> None:
    text = " ".join(f"w{n}" for n in range(40))
    edits = edits_between(text, text.replace("w3 ", "x ").replace("w30", "y"))
    assert [one.find for one in edits] == ["w3", "w30"]


@pytest.mark.skipif(not ANSWERS.exists(), reason="FastChat's answers are not here")
def test_the_edits_between_any_two_answers_of_three_models_make_one_of_the_other() -> None:
    models = [
        [json.loads(line)["response"] for line in path.read_text(encoding="utf-8").splitlines()]
        for path in sorted(ANSWERS.glob("*.jsonl"))
    ]
    assert len(models) == 3
    for first, second in permutations(models, 2):
        for before, after in zip(first, second, strict=True):
            both_ways(before, after)


@pytest.mark.parametrize("word", ["a ", "a", "a b ", "\n"])
def test_texts_that_repeat_themselves_take_no_long_time(word: str) -> None:
    both_ways(word * 5_000, f"{word * 2_000}x {word * 3_000}")
