"""Edits applied to a text: `revloop.edits.applying` and `revloop.edits.finding`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.edits import Edit, EditOutcome, EditResult, Replacement, apply, replacements

TEXT = "The rule that he made is old. It is a good rule, and it is kept."
WORDS = st.lists(
    st.sampled_from(["a", "b", "ab", ".", "\n", "\u2019", "e\u0301"]), max_size=12
).map("".join)


def outcome(find: str, text: str = TEXT, replacement: str = "X") -> tuple[str, str]:
    applied = apply(text, [Edit(find=find, replacement=replacement)])
    return applied.text, applied.results[0].outcome.value


def test_edits_name_passages_of_the_text_before_any_of_them() -> None:
    edits = [Edit(find="is kept", replacement="is old"), Edit(find="is old", replacement="is new")]
    applied = apply(TEXT, edits)
    assert applied.text == "The rule that he made is new. It is a good rule, and it is old."
    assert [(one.outcome, one.start, one.end) for one in applied.results] == [
        (EditOutcome.APPLIED, 56, 63),
        (EditOutcome.APPLIED, 22, 28),
    ]


@pytest.mark.parametrize(
    ("find", "text", "after", "became"),
    [
        ("good", TEXT, TEXT.replace("good", "X"), "applied"),
        ("made up", TEXT, TEXT, "not_found"),
        ("rule", TEXT, TEXT, "ambiguous"),
        ("", TEXT, TEXT, "empty"),
        ("", "", "X", "applied"),
        # whole words come before parts of words; a part is found if no whole word is
        ("he", "The rule that he made", "The rule that X made", "applied"),
        ("hat", "The rule that he made", "The rule tX he made", "applied"),
        ("the", "other mothers", "other mothers", "ambiguous"),
        ("aa", "aaa", "aaa", "ambiguous"),
        # white space and quotes are folded, nothing else
        ("a  b", "x a\nb y", "x X y", "folded"),
        (' "a"\n', "x \u201ca\u201d y", "x X y", "folded"),
        ("it's", "so it\u2019s that", "so X that", "folded"),
        ("A b", "x a b y", "x a b y", "not_found"),
        ("a \u2013 b", "x a - b y", "x a - b y", "not_found"),
        ("a b", "a\nb a  b", "a\nb a  b", "ambiguous"),
        (" \n ", "a b", "a b", "not_found"),
        # no character that readers see as one is divided
        ("cafe", "cafe\u0301", "cafe\u0301", "not_found"),
        ("cafe", "cafe\u0301 cafe", "cafe\u0301 X", "applied"),
        ("caf\u00e9", "cafe\u0301", "cafe\u0301", "not_found"),
        ("\U0001f469", "\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb", "not_found"),
        ("a\r", "a\r\nb", "a\r\nb", "folded_away"),
    ],
)
def test_a_passage_is_replaced_where_it_stands_once(
    find: str, text: str, after: str, became: str
) -> None:
    if became == "folded_away":  # its white space is no part of what is replaced
        after, became = text.replace("a", "X"), "folded"
    assert outcome(find, text) == (after, became)


def test_a_folded_replacement_takes_over_the_line_breaks_of_the_passage() -> None:
    assert outcome("a\nb", "x\r\na\r\nb", "c\nd") == ("x\r\nc\r\nd", "folded")
    assert outcome("a\r\nb", "x\r\na\r\nb", "c\nd") == ("x\r\nc\nd", "applied")


@pytest.mark.parametrize(
    ("text", "find", "replacement", "after"),
    [
        # what an edit only copies keeps its white space and its quotes
        (
            "if x:\n\ta = 1\n\tb = 2",
            "a = 1\nb = 2",
            "a = 1\nc = 3\nb = 2",
            "if x:\n\ta = 1\n\tc = 3\n\tb = 2",
        ),
        ("Stop.  \nGo on.", "Stop.\nGo on.", "Stop.\nGo home.", "Stop.  \nGo home."),
        ("\u201cIt\u2019s it.\u201d", '"It\'s it."', '"It\'s me."', "\u201cIt\u2019s me.\u201d"),
        # the white space around passage and replacement is not added to that of the text
        ("a\n\tb\nc", "  b  ", "  x  ", "a\n\tx\nc"),
        ("a b", "a\r", "x\r", "x b"),
        ("a\r\nb", "a\r", "x\ny\r", "x\r\ny\r\nb"),
        ("a  b", "a b", "", ""),
    ],
)
def test_a_folded_edit_changes_only_what_it_would_change(
    text: str, find: str, replacement: str, after: str
) -> None:
    assert outcome(find, text, replacement) == (after, "folded")


@given(WORDS, WORDS, WORDS)
def test_a_folded_edit_that_changes_nothing_leaves_the_text_as_it_is(
    text: str, before: str, after: str
) -> None:
    find = " ".join(text.replace("\u2019", "'").split())
    assert outcome(find, before + text + after, find)[0] == before + text + after


def test_of_edits_that_overlap_the_first_is_applied() -> None:
    edits = [Edit(find=find, replacement="X") for find in ("b c", "c d", "b c", "d")]
    applied = apply("a b c d", edits)
    assert applied.text == "a X X"
    assert [one.outcome.value for one in applied.results] == [
        "applied",
        "overlapping",
        "overlapping",
        "applied",
    ]


def test_an_unreadable_edit_is_kept_as_it_is() -> None:
    edit = EditResult(find="a", replacement="", outcome=EditOutcome.UNREADABLE)
    assert apply("a", [edit]) == ("a", (edit,))


def test_every_outcome_is_explained() -> None:
    assert all(one.meaning for one in EditOutcome)
    assert [one.value for one in EditOutcome if one.is_applied] == ["applied", "folded"]


@given(WORDS, st.lists(st.tuples(WORDS, WORDS), max_size=4))
def test_what_no_applied_edit_names_stays_as_it_is(text: str, pairs: list[tuple[str, str]]) -> None:
    applied = apply(text, [Edit(find=find, replacement=new) for find, new in pairs])
    assert len(applied.results) == len(pairs)
    made, done = "", 0
    for one in replacements(text, applied.results):
        assert one.start >= done
        made += text[done : one.start] + one.text
        done = one.end
    assert applied.text == made + text[done:]


@pytest.mark.parametrize("text", ["a" * 200_000, "a " * 100_000, "\u0301" * 200_000])
def test_long_texts_are_searched_in_time(text: str) -> None:
    assert outcome("a a", text)[1] in {"ambiguous", "not_found"}
    assert outcome("a", text)[1] in {"ambiguous", "not_found"}


def test_what_was_put_in_is_told_in_the_order_of_the_text() -> None:
    text = "x\r\na\r\nb c"
    applied = apply(text, [Edit(find=f, replacement=r) for f, r in (("c", ""), ("a\nb", "d\ne"))])
    assert replacements(text, applied.results) == [
        Replacement(3, 7, "d\r\ne"),
        Replacement(8, 9, ""),
    ]


def test_edits_with_their_outcomes_are_applied_anew_to_another_text() -> None:
    results = apply("a b", [Edit(find="b", replacement="c")]).results
    assert apply("b a a", results).text == "c a a"


@pytest.mark.parametrize(
    ("find", "replacement", "remark"),
    [
        ("good", "fine", None),
        ("good", "good", "the passage and its replacement are the same"),
        ("good  rule", "rule", EditOutcome.FOLDED.meaning),
        ("bad", "good", EditOutcome.NOT_FOUND.meaning),
    ],
)
def test_there_is_nothing_to_say_of_an_edit_applied_as_it_was_written(
    find: str, replacement: str, remark: str | None
) -> None:
    (edit,) = apply(TEXT, [Edit(find=find, replacement=replacement)]).results
    assert edit.remark == remark


@given(
    st.lists(
        st.sampled_from([" ", "  ", "\n", "\r\n", "\n    ", " \n\n\t"]), min_size=2, max_size=9
    ),
    st.data(),
)
def test_a_folded_edit_of_one_word_keeps_all_white_space(
    gaps: list[str], data: st.DataObject
) -> None:
    words = [f"w{number}" for number in range(len(gaps) + 1)]
    pieces = [piece for pair in zip(words, [*gaps, ""], strict=True) for piece in pair]
    text = "".join(pieces)
    changed = data.draw(st.integers(0, len(gaps)))
    written = data.draw(st.sampled_from([" ", "\n"]))
    find = written.join(words)
    replacement = written.join([*words[:changed], "NEW", *words[changed + 1 :]])
    applied = apply(text, [Edit(find=find, replacement=replacement)])
    pieces[2 * changed] = "NEW"
    assert applied.text == "".join(pieces)
