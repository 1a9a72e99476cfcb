"""The count of both forms of a revision: pairs, shares of words, and the break-even share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.edits.__main__ import gap_figures, measure, plot
from benchmarks.edits.counting import (
    Counted,
    break_even,
    by_share,
    counted,
    figures,
    total_ratio,
)
from benchmarks.edits.pairs import Pair, edited_answers, jfleg_pairs, other_answers, record_pairs
from revloop import Draft
from revloop.demo import CRITIC_FOLDER
from revloop.edits import differences
from revloop.engines.tokens import PromptTokenizer

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "The train leaves at nine from the main station, and it is never late on a Monday."
ANSWERS = [Draft(id=str(n), prompt=f"q{n}", response=f"{n}: {TEXT} {TEXT}") for n in range(8)]


def words(text: str) -> int:
    return len(text.split())


@pytest.mark.parametrize(
    ("after", "share"),
    [
        ("a b c d", 0),
        ("a x c d", 0.25),
        ("a x y c d", 0.5),
        ("a d", 0.5),
        ("a b c d e f", 0.5),
        ("", 1),
    ],
)
def test_a_stretch_of_edited_words_counts_as_the_longer_side(after: str, share: float) -> None:
    assert Pair("a b c d", after).share == share


@given(st.text(), st.text())
def test_only_equal_words_have_no_share_edited(before: str, after: str) -> None:
    assert (Pair(before, after).share == 0) == (before.split() == after.split())


def test_answers_are_edited_by_about_the_share_that_was_asked_and_keep_their_prompts() -> None:
    pairs = edited_answers(ANSWERS, 0.2)
    assert [pair.prompt for pair in pairs] == [f"q{n}" for n in range(8)]
    assert sum(pair.share for pair in pairs) / len(pairs) == pytest.approx(0.2, abs=0.15)
    assert edited_answers(ANSWERS, 0.2) == pairs
    assert edited_answers(ANSWERS, 0.2, seed=1) != pairs


def test_another_models_answer_to_the_same_question_is_a_pair() -> None:
    other = [Draft(prompt="q0", response="Something else")]
    assert other_answers(ANSWERS[:1], other) == [
        Pair(ANSWERS[0].response, "Something else", "q0"),
    ]


def test_sentences_are_paired_with_each_persons_and_joined_without_a_shorter_rest(
    tmp_path: Path,
) -> None:
    for name in ("dev", "test"):
        (tmp_path / f"{name}.src").write_text("one \ntwo \nthree \n", encoding="utf-8")
        for person in range(4):
            revised = f"one{person}\ntwo\nthree\n"
            (tmp_path / f"{name}.ref{person}").write_text(revised, encoding="utf-8")
    single = jfleg_pairs(tmp_path)
    assert len(single) == 2 * 4 * 3
    assert single[:2] == [Pair("one", "one0"), Pair("two", "two")]
    assert jfleg_pairs(tmp_path, sentences=2)[1] == Pair("one\ntwo", "one1\ntwo")
    assert len(jfleg_pairs(tmp_path, sentences=2)) == 2 * 4


def test_both_forms_are_counted_with_their_end_tokens() -> None:
    (found,) = counted([Pair("a b c", "a x c")], words)
    assert found == Counted(1 / 3, 1, len(["-", "b", "+", "x"]) + 1, 3 + 1)
    (unchanged,) = counted([Pair("a b", "a b")], words)
    assert (unchanged.edits, unchanged.edits_tokens) == (0, len(["none"]) + 1)


def test_the_ratios_to_draw_from_have_the_mean_of_all() -> None:
    found = figures([Counted(0.1, 1, n, 100) for n in range(1, 101)])
    assert len(found["ratios"]) == 10
    assert sum(found["ratios"]) / 10 == pytest.approx(0.505, abs=0.001)
    assert found["ratio"] == {
        "median": 0.505,
        "tenth": pytest.approx(0.109),
        "nine_tenths": pytest.approx(0.901),
    }
    assert found["all_tokens_ratio"] == 0.505
    assert found["cheaper_as_edits"] == 0.99


def test_the_break_even_share_is_where_the_line_between_two_sets_crosses_one() -> None:
    sets = [[Counted(0.4, 3, 120, 100)], [Counted(0.2, 2, 80, 100)], [Counted(0.1, 1, 30, 100)]]
    assert break_even(sets) == pytest.approx(0.3)
    assert break_even(sets[1:]) is None


def test_long_revisions_weigh_more_in_the_ratio_of_all_tokens() -> None:
    assert total_ratio([Counted(0.1, 1, 10, 10), Counted(0.1, 1, 10, 90)]) == 0.2


def test_revisions_are_sorted_into_classes_of_shares() -> None:
    found = [Counted(share, 1, 1, 1) for share in (0.0, 0.05, 0.3, 0.09)]
    none, some, many, more = found
    assert by_share(found, (0.0, 0.05, 0.1, 0.2, 0.4)) == [[none], [some, more], [many]]


def test_gaps_are_tried_and_the_libraries_own_stays() -> None:
    before = differences.MERGED_GAP
    tokenizer = PromptTokenizer.from_folder(CRITIC_FOLDER)
    found = gap_figures({"one": [Pair("a b c d e f g h", "a x c d e y g h")]}, tokenizer)
    assert before == differences.MERGED_GAP
    assert len(set(found["one"].values())) > 1


def test_all_figures_come_from_the_pairs_of_each_set(tmp_path: Path) -> None:
    sets = {
        "answers, 5%": edited_answers(ANSWERS, 0.05),
        "answers, 60%": edited_answers(ANSWERS, 0.6),
        "demo records": record_pairs(4),
    }
    found = measure(sets, PromptTokenizer.from_folder(CRITIC_FOLDER))
    assert found["sets"].keys() == sets.keys()
    assert [point["revisions"] for point in found["by_share"]["answers"]] == [8, 8]
    assert 0.05 < found["break_even_share"]["answers"] < 0.6
    plot(found, tmp_path / "edits.png")
    assert (tmp_path / "edits.png").read_bytes().startswith(b"\x89PNG")
