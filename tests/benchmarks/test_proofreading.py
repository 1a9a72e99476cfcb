"""The proofreading benchmark: texts with mistakes, records, and what a revision did to them."""

from __future__ import annotations

from random import Random

import pytest

from benchmarks.proofreading.__main__ import PROMPTS, figures
from benchmarks.proofreading.counting import Outcome, outcome_of
from benchmarks.proofreading.examples import Example, examples, passages, records, walk
from benchmarks.proofreading.mistakes import Mistake, corrupted, misspelt, pieces_of
from revloop.prompts import PromptSet
from revloop.records import training_texts

TEXT = "She has always been interested in the history of her town, and she knows many people there."


def test_the_same_seed_gives_the_same_texts() -> None:
    assert list(examples(20, seed=3, held_out=True)) == list(examples(20, seed=3, held_out=True))
    assert list(examples(20, seed=3, held_out=True)) != list(examples(20, seed=4, held_out=True))


def test_no_text_comes_twice() -> None:
    texts = [example.text for example in examples(900, seed=0, held_out=False)]

    assert len(set(texts)) == 900


def test_no_passage_is_both_trained_on_and_measured_on() -> None:
    trained, measured = passages(held_out=False), passages(held_out=True)

    assert not set(trained) & set(measured)
    assert len(trained) > len(measured) > 50


def test_about_a_third_of_the_texts_is_good() -> None:
    drawn = list(examples(600, seed=0, held_out=False))

    good = [example for example in drawn if not example.mistakes]
    assert 0.3 < len(good) / len(drawn) < 0.4
    assert all(example.text == example.right for example in good)


@pytest.mark.parametrize("seed", range(20))
def test_each_mistake_changes_the_text_where_it_says(seed: int) -> None:
    text, mistakes = corrupted(TEXT, Random(seed), 3, frozenset())

    outcome = outcome_of(Example(text, TEXT, mistakes), text)
    assert len(mistakes) == 3
    assert outcome == ((), mistakes, 0)


def test_mistakes_are_of_many_kinds() -> None:
    kinds = {
        mistake.kind
        for example in examples(300, seed=0, held_out=False)
        for mistake in example.mistakes
    }

    assert len(kinds) == 12


def test_a_misspelling_is_no_known_word() -> None:
    known = frozenset({"form", "farm", "firm"})

    wrong = {misspelt("form", Random(seed), known) for seed in range(200)}
    assert wrong
    assert not wrong & known


def test_a_corrected_mistake_is_fixed_and_the_other_is_left() -> None:
    right = "He goes to school every day."
    at, other = pieces_of(right).index("goes"), pieces_of(right).index("day")
    mistakes = (Mistake("agreement", at, at + 1), Mistake("number", other, other + 1))
    example = Example("He go to school every days.", right, mistakes)

    outcome = outcome_of(example, "He goes to school every days.")
    assert outcome == (mistakes[:1], mistakes[1:], 0)


def test_a_change_of_a_right_word_is_introduced() -> None:
    example = Example(TEXT, TEXT, ())

    outcome = outcome_of(example, TEXT.replace("town", "city").replace("many", "some"))
    assert outcome == ((), (), 2)


def test_a_walk_puts_each_change_in_brackets() -> None:
    written = walk("He go to school every days.", "He goes to school every day.")

    assert written == "He [ go -> goes ] to school every [ days -> day ]."


def test_every_record_can_be_trained_on() -> None:
    prompts = PromptSet.load(PROMPTS)

    for record in records(50, seed=0):
        (text,) = training_texts(record, prompts)
        assert text.target.startswith(record.critique or "?")
        assert text.ends


def test_figures_count_fixed_mistakes_and_harmed_texts() -> None:
    mistakes = (Mistake("number", 0, 1), Mistake("spelling", 4, 5))
    drawn = [Example("Bad.", "Good.", mistakes), Example("Good.", "Good.", ())]
    outcomes = [Outcome(mistakes[:1], mistakes[1:], 0), Outcome((), (), 1)]

    found = figures(drawn, outcomes)
    assert found["fixed"]["share"] == 0.5
    assert found["fixed_by_kind"]["spelling"]["share"] == 0
    assert found["texts_with_something_introduced"]["share"] == 0.5
    assert found["good_texts_changed"]["share"] == 1
