"""How edits are written and read: `revloop.edits.layout`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.edits import Edit, EditOutcome, EditResult, read_edits, write_edits

LINES = st.lists(st.sampled_from(["", "a", "- a", "+ a", "-", "+", " a", "none", "```", "\r"])).map(
    "\n".join
)


@given(st.lists(st.builds(Edit, find=st.one_of(LINES, st.text()), replacement=LINES), min_size=1))
def test_edits_of_any_text_are_read_as_they_were_written(edits: list[Edit]) -> None:
    kept = [one for one in edits if one.find] or [Edit(find="", replacement=edits[0].replacement)]
    assert read_edits(write_edits(kept)) == (tuple(kept), False)


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    assert all(isinstance(one, Edit) for one in read_edits(text).edits)


@pytest.mark.parametrize(
    "said",
    [
        "none",
        "None.",
        " (none)\n",
        "No changes.",
        "**none**",
        "- none",
        "None. The response is correct already.",
        "No edits are needed.",
    ],
)
def test_a_word_stands_for_no_edits(said: str) -> None:
    assert read_edits(said) == ((), True)


@pytest.mark.parametrize("said", ["", "I would change nothing.", "none of it"])
def test_other_words_are_no_edits_and_do_not_say_that_there_are_none(said: str) -> None:
    assert read_edits(said) == ((), False)


@pytest.mark.parametrize(
    ("text", "edits"),
    [
        ("- a\n+ b", [("a", "b")]),
        ("-a\n+b", [("a", "b")]),
        ("- a\n+ b\n- c\n+ d", [("a", "b"), ("c", "d")]),
        ("- a\n+ b\n\n- c\n+ d\n", [("a", "b"), ("c", "d")]),
        ("- a\n\n- b\n+ c\n\n+ d", [("a\n\nb", "c\n\nd")]),
        ("- a\n\n+ b", [("a", "b")]),
        ("- a\n+", [("a", "")]),
        ("- a\n-\n+ b", [("a\n", "b")]),
        ("- - item\n+ - other", [("- item", "- other")]),
        ("-   indented\n+   more", [("  indented", "  more")]),
        ("```diff\n- a\n+ b\n```", [("a", "b")]),
        ("Here are the edits:\n- a\n+ b\n\nI hope this helps.", [("a", "b")]),
        ("+ b", [("", "b")]),
        ("  - a\n  +   b\n\n  - c\n  + d", [("a", "  b"), ("c", "d")]),
        ("```diff\n- a\n+ b\n```\n\n```diff\n- c\n+ d\n```", [("a", "b"), ("c", "d")]),
        ("```\n- a\n+ b\n```\nI changed a.", [("a", "b")]),
        ("- a\n+ b\n```\n", [("a", "b")]),
        ("- a\n+ b\n---\n- c\n+ d\n***", [("a", "b"), ("c", "d")]),
        ("@@ -1 +1 @@\n- a\n+ b\n@@ -9 +9 @@\n- c\n+ d", [("a", "b"), ("c", "d")]),
        ("- - - -\n+ ---", [("- - -", "---")]),
    ],
)
def test_edits_are_read_as_models_write_them(text: str, edits: list[tuple[str, str]]) -> None:
    found = read_edits(text).edits
    assert [(one.find, one.replacement) for one in found] == edits
    assert not any(isinstance(one, EditResult) for one in found)


@pytest.mark.parametrize(
    "text",
    [
        "- a",
        "- a\n+ b\nrest of b",
        "- a\nrest of a\n+ b",
        "- a\n+ b\n```\ncode of b\n```",
        "- a\n---\n- rest of a\n+ b",
        "- a\n+ b\n---\n+ rest of b",
        "- a\n  - rest of a\n+ b",
    ],
)
def test_an_edit_that_may_lack_a_part_is_unreadable(text: str) -> None:
    (edit,) = read_edits(text).edits
    assert isinstance(edit, EditResult)
    assert edit.outcome is EditOutcome.UNREADABLE


def test_an_unreadable_edit_costs_no_other() -> None:
    found = read_edits("- a\n+ b\nrest\n- c\n+ d").edits
    assert [isinstance(one, EditResult) for one in found] == [True, False]
