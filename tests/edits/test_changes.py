"""Word diff of two texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.edits import Edit, apply, replacements
from revloop.edits.changes import Change, changes_between, word_diff

texts = st.text(max_size=60) | st.lists(
    st.sampled_from(["the", "a", "cat", " ", "  ", "\n", ".", "!", "naïve", "\x1c", "e\u0301"]),
    max_size=30,
).map("".join)


def spelled(changes: list[Change], *kinds: str) -> str:
    return "".join(change.text for change in changes if change.kind in kinds)


@given(texts, texts)
def test_same_and_removed_spell_the_old_text(old: str, new: str) -> None:
    assert spelled(word_diff(old, new), "same", "removed") == old


@given(texts, texts)
def test_same_and_added_spell_the_new_text(old: str, new: str) -> None:
    assert spelled(word_diff(old, new), "same", "added") == new


@given(texts, texts)
def test_no_change_is_empty(old: str, new: str) -> None:
    assert all(change.text for change in word_diff(old, new))


@given(texts, st.lists(st.tuples(texts, texts), max_size=4), st.data())
def test_the_changes_of_edits_are_exactly_what_they_replaced(
    old: str, pairs: list[tuple[str, str]], data: st.DataObject
) -> None:
    ends = st.integers(0, len(old))
    named = [
        (old[slice(*sorted((data.draw(ends), data.draw(ends))))] or find, new)
        for find, new in pairs
    ]
    applied = apply(old, [Edit(find=find, replacement=new) for find, new in named])
    changes = changes_between(old, applied.text, applied.results)
    replaced = [
        one for one in replacements(old, applied.results) if old[one.start : one.end] != one.text
    ]
    if not replaced:
        return
    assert changes is not None
    assert spelled(changes, "same", "removed") == old
    assert spelled(changes, "same", "added") == applied.text
    assert [c.text for c in changes if c.kind == "added"] == [r.text for r in replaced if r.text]
    assert [c.text for c in changes if c.kind == "removed"] == [
        old[r.start : r.end] for r in replaced if r.end > r.start
    ]


@given(texts)
def test_equal_texts_have_no_changes(text: str) -> None:
    assert word_diff(text, text) == ([Change("same", text)] if text else [])


def test_removals_come_before_additions() -> None:
    assert word_diff("The cat sat.", "The dog sat.") == [
        Change("same", "The "),
        Change("removed", "cat"),
        Change("added", "dog"),
        Change("same", " sat."),
    ]


def test_neighbouring_changes_are_one_change() -> None:
    old, new = "It is a fact that cats sleep.", "It is a wild guess cats sleep."
    assert word_diff(old, new) == [
        Change("same", "It is a "),
        Change("removed", "fact that"),
        Change("added", "wild guess"),
        Change("same", " cats sleep."),
    ]


def test_a_rewritten_text_is_one_change() -> None:
    old, new = "The cat sat.", "Dogs bark, loudly!"
    assert word_diff(old, new) == [Change("removed", old), Change("added", new)]


def test_punctuation_changes_without_the_word_that_it_follows() -> None:
    assert word_diff("Stop.", "Stop!") == [
        Change("same", "Stop"),
        Change("removed", "."),
        Change("added", "!"),
    ]


def test_a_change_of_white_space_shows() -> None:
    assert word_diff("a b", "a\nb") == [
        Change("same", "a"),
        Change("removed", " "),
        Change("added", "\n"),
        Change("same", "b"),
    ]


def test_long_texts_are_compared_in_time_and_without_loss() -> None:
    old = "the quick brown fox " * 2_000
    new = old.replace("quick", "slow", 3)
    changes = word_diff(old, new)
    assert spelled(changes, "same", "removed") == old
    assert spelled(changes, "same", "added") == new


REPEATED = {
    "alternating": ("a b ", "a c "),
    "one word": ("a ", "a a a "),
    "signs": ("[", "]["),
    "lines": ("ab\n", "ab\nc\n"),
    "few words": ("the quick brown fox ", "fox the brown quick "),
}


@pytest.mark.parametrize(("old", "new"), REPEATED.values(), ids=REPEATED.keys())
def test_words_that_repeat_are_compared_in_time_and_without_loss(old: str, new: str) -> None:
    old, new = old * 20_000, f"x {new * 20_000}"
    changes = word_diff(old, new)
    assert spelled(changes, "same", "removed") == old
    assert spelled(changes, "same", "added") == new


def test_a_change_in_a_long_text_is_found_between_rare_words() -> None:
    words = [f"word{number}, and so" for number in range(20_000)]
    old = " ".join(words)
    words[777], words[15_000] = "gone", "here"
    assert [c.text for c in word_diff(old, " ".join(words)) if c.kind != "same"] == [
        "word777, and so",
        "gone",
        "word15000, and so",
        "here",
    ]
