"""Critiques by criteria: the layout that is asked for, and what models make of it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from revloop.prompts.parsing import UnusableError
from revloop.prompts.parsing.criteria import parse_criteria
from revloop.prompts.parsing.scored_parts import CriteriaFormat
from revloop.trajectory import Criterion, Critique

FORM = CriteriaFormat(
    field="rubric", name="Criterion:", reason="Reason:", score="Score:", scale=(1, 10), met=8
)
NAMES = ("The day is right.", "brevity", "tone")
WANTED = [("The day is right.", 9.0), ("brevity", 3.0), ("tone", 8.0)]


def read(text: str, *names: str) -> Critique:
    return parse_criteria(text, FORM, names)


def scores(critique: Critique) -> list[tuple[str, float]]:
    return [(one.name, one.score) for one in critique.criteria]


def layout(*criteria: tuple[str, float, str]) -> str:
    """Criteria in the layout that the prompt set asks for."""
    return "\n\n".join(
        f"Criterion: {name}\nReason: {reason}\nScore: {score:g}" for name, score, reason in criteria
    )


ASKED = layout(
    ("The day is right.", 9, "It says Tuesday."),
    ("brevity", 3, "It repeats itself.\nTwice."),
    ("tone", 8, "Kind."),
)

AS_MODELS_WRITE = {
    "as asked": ASKED,
    "score first": (
        "Criterion: The day is right.\nScore: 9\nReason: It says Tuesday.\n\n"
        "Criterion: brevity\nScore: 3\nReason: It repeats itself.\n\n"
        "Criterion: tone\nScore: 8\nReason: Kind."
    ),
    "with talk around it": f"Sure, here is my review.\n\n{ASKED}\n\nOverall score: 7/10",
    "in bold, out of ten": (
        "**Criterion:** The day is right.\n**Reason:** It says Tuesday.\n**Score:** 9/10\n\n"
        "**Criterion:** brevity\n**Reason:** It repeats itself.\n**Score:** 3 out of 10\n\n"
        "**Criterion:** tone\n**Reason:** Kind.\n**Score: 8/10**"
    ),
    "numbered": (
        "1. Criterion: The day is right\n   - Reason: It says Tuesday.\n   - Score: 9\n"
        "2. Criterion: brevity\n   - Reason: It repeats itself.\n   - Score: 3\n"
        "3. Criterion: tone\n   - Reason: Kind.\n   - Score: 8\n"
    ),
    "by number alone": (
        "Criterion 1:\nReason: It says Tuesday.\nScore: 9\n"
        "Criterion 2:\nReason: It repeats itself.\nScore: 3\n"
        "Criterion 3:\nReason: Kind.\nScore: 8\n"
    ),
    "with number and name": (
        "### Criterion 1: The day is right\nReason: It says Tuesday.\nScore (1-10): 9\n"
        "### Criterion 2: Brevity\nReason: It repeats itself.\nScore (1-10): 3\n"
        "### Criterion 3: Tone\nReason: Kind.\nScore (1-10): 8\n"
    ),
    "by their first words": (
        "Criterion: The day is...\nReason: It says Tuesday.\nScore: 9\n"
        "Criterion: brevity: as short as can be\nReason: It repeats itself.\nScore: 3\n"
        "Criterion: tone\nReason: Kind.\nScore: 8"
    ),
    "in other words, in order": (
        "Criterion: correctness\nReason: It says Tuesday.\nScore: 9\n"
        "Criterion: length\nReason: It repeats itself.\nScore: 3\n"
        "Criterion: tone\nReason: Kind.\nScore: 8"
    ),
    "in another order": layout(
        ("tone", 8, "Kind."), ("The day is right.", 9, "Yes."), ("brevity", 3, "No.")
    ),
    "on one line": (
        "1. **The day is right.**: 9/10 - It says Tuesday.\n"
        "2. **Brevity**: 3/10 - It repeats itself.\n"
        "3. **Tone**: 8/10 - Kind.\n\nOverall: 7/10"
    ),
    "on one line with brackets": (
        "- The day is right (9/10): It says Tuesday.\n- brevity (3/10): It repeats itself.\n"
        "- tone (8/10): Kind."
    ),
    "under names as headings": (
        "### The day is right\nScore: 9/10\nIt says Tuesday.\n\n"
        "### Brevity\nScore: 3/10\nIt repeats itself.\n\n### Tone\nScore: 8/10\nKind."
    ),
    "under names in bold": (
        "**The day is right**\nReason: It says Tuesday.\nScore: 9\n\n"
        "**Brevity**\nReason: It repeats itself.\nScore: 3\n\n**Tone**\nReason: Kind.\nScore: 8"
    ),
    "as a table": (
        "| Criterion | Score (1-10) | Reason |\n| --- | --- | --- |\n"
        "| The day is right. | 9 | It says Tuesday. |\n| brevity | 3/10 | It repeats itself. |\n"
        "| **tone** | 8 | Kind. |"
    ),
    "as a numbered table": (
        "| # | Criterion | Score | Reason |\n|---|---|---|---|\n"
        "| 1 | The day is right. | 9 | It says Tuesday. |\n| 2 | brevity | 3 | No. |\n"
        "| 3 | tone | 8 | Kind. |"
    ),
    "scores beside the names": (
        "Criterion: The day is right. (9/10)\nReason: It says Tuesday.\n"
        "Criterion: brevity - 3/10\nReason: It repeats itself.\n"
        "Criterion: tone: 8\nReason: Kind."
    ),
    "with Windows line ends": ASKED.replace("\n", "\r\n"),
    "repeated in a summary": f"{ASKED}\n\nCriterion: tone\nReason: As said.\nScore: 8",
}


@pytest.mark.parametrize("text", AS_MODELS_WRITE.values(), ids=AS_MODELS_WRITE)
def test_scores_are_read_however_models_write_them(text: str) -> None:
    assert scores(read(text, *NAMES)) == WANTED


@pytest.mark.parametrize("text", AS_MODELS_WRITE.values(), ids=AS_MODELS_WRITE)
def test_a_reason_stands_with_each_score(text: str) -> None:
    reasons = [one.reason for one in read(text, *NAMES).criteria]
    assert all(reasons)
    assert all(reason in text for reason in reasons)
    assert all("Score" not in reason for reason in reasons)


def test_a_critique_by_criteria_has_the_mean_as_its_score() -> None:
    critique = read(ASKED, *NAMES)
    assert critique.raw == ASKED
    assert critique.score == pytest.approx(20 / 3)
    assert critique.criteria[1] == Criterion(
        name="brevity", score=3, reason="It repeats itself.\nTwice.", met=False
    )
    assert [one.met for one in critique.criteria] == [True, False, True]
    assert not critique.meets_all


def test_all_are_met_from_the_threshold_on() -> None:
    assert read(layout(("a", 8, "Yes."), ("b", 10, "Yes.")), "a", "b").meets_all
    assert not read(layout(("a", 7.5, "No."), ("b", 10, "Yes.")), "a", "b").meets_all
    assert not Critique(raw="Fine.").meets_all


class TestUnusable:
    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (" \n", "it is blank"),
            ("It is dull.", "no criterion has a 'Criterion:' and a 'Score:'"),
            (
                layout(("The day is right.", 9, "Yes."), ("tone", 8, "Yes.")),
                "criterion 'brevity' is missing",
            ),
            (ASKED.replace("Score: 3", ""), "criterion 'brevity' has no score"),
            (ASKED.replace("Score: 3", "Score: n/a"), "'n/a' is not a score from 1 to 10"),
            (ASKED.replace("Score: 3", "Score: 11"), r"'11' .* \(criterion 'brevity'\)"),
            (ASKED.replace("Score: 3", "Score: 3/5"), "'3/5' is not a score from 1 to 10"),
            (
                f"{ASKED}\n\nCriterion: tone\nReason: Rude.\nScore: 2",
                "criterion 'tone' has two scores, 2 and 8",
            ),
        ],
    )
    def test_it_is_told_what_is_missing(self, text: str, says: str) -> None:
        with pytest.raises(UnusableError, match=says):
            read(text, *NAMES)

    def test_a_long_criterion_is_shown_by_its_start(self) -> None:
        with pytest.raises(UnusableError, match=r"criterion 'x{60}…' is missing"):
            read(layout(("a", 9, "Yes.")), "a", "x" * 90)


class TestRubricsThatAreTexts:
    def test_the_criteria_that_the_critic_names_count(self) -> None:
        text = layout(("facts", 9, "Yes."), ("style", 3, "No."))
        assert scores(read(text)) == [("facts", 9), ("style", 3)]

    def test_numbers_stand_in_for_names(self) -> None:
        assert scores(read("Criterion 1\nScore: 9\nCriterion 2\nScore: 3")) == [
            ("criterion 1", 9),
            ("criterion 2", 3),
        ]

    def test_an_overall_score_is_no_criterion(self) -> None:
        text = "1. Facts: 9/10 - Right.\n2. Style: 3/10 - Dull.\nOverall score: 6/10\nTotal: 12"
        assert scores(read(text)) == [("Facts", 9), ("Style", 3)]

    def test_at_least_one_is_needed(self) -> None:
        with pytest.raises(UnusableError, match="no criterion"):
            read("Overall score: 6/10")


class TestFormat:
    def test_headings_may_be_of_another_language(self) -> None:
        form = FORM.model_copy(update={"name": "Merkmal:", "reason": "Grund:", "score": "Note:"})
        text = "Merkmal: Kürze\nGrund: Knapp.\nNote: 9"
        (one,) = parse_criteria(text, form, ["Kürze"]).criteria
        assert (one.score, one.reason) == (9, "Knapp.")

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"scale": (5, 1)}, "lowest score must come first"),
            ({"met": 11}, "met must be above 1 and at most 10"),
            ({"met": 1}, "met must be above 1 and at most 10"),
        ],
    )
    def test_a_scale_that_makes_no_sense_is_refused(
        self, change: dict[str, object], says: str
    ) -> None:
        with pytest.raises(ValidationError, match=says):
            CriteriaFormat.model_validate({**FORM.model_dump(), **change})


word = (
    st.text("abcdefghij äß", min_size=3, max_size=12)
    .map(str.strip)
    .filter(lambda text: len(text) >= 3)
)
criteria = st.lists(
    st.tuples(word, st.integers(1, 10), word), min_size=1, max_size=6, unique_by=lambda c: c[0]
)


@given(criteria)
def test_what_is_written_as_asked_comes_back(made: list[tuple[str, int, str]]) -> None:
    found = read(layout(*made), *(name for name, _, _ in made)).criteria
    assert [(one.name, one.score, one.reason) for one in found] == made
    assert [one.met for one in found] == [score >= 8 for _, score, _ in made]


@given(
    st.lists(
        st.sampled_from(
            [
                *("Criterion:", "Score:", "Reason:", "brevity", "tone", "8/10", "8", "**", "1. "),
                *("\n", " ", "|", "- ", ": ", "(", ")", "#", "x" * 50),
            ]
        ),
        max_size=40,
    ).map("".join)
    | st.text(max_size=200),
    st.sampled_from([(), ("brevity", "tone")]),
)
def test_any_text_is_read_or_refused_with_a_reason(text: str, names: tuple[str, ...]) -> None:
    try:
        critique = read(text, *names)
    except UnusableError as refused:
        assert refused.reason  # noqa: PT017 - either is right
        return
    assert critique.raw == text
    assert not names or [one.name for one in critique.criteria] == list(names)
    assert all(1 <= one.score <= 10 and one.reason in text for one in critique.criteria)


@pytest.mark.parametrize("part", ["- ", "a ", "**", "1. ", "Score: ", "| 1 ", "a: 1", "x", "\n"])
def test_a_repetitive_text_takes_linear_time(part: str) -> None:
    def seconds(times: int) -> float:
        start = time.perf_counter()
        for _ in range(3):
            with pytest.raises(UnusableError):
                read(part * times, "brevity", "tone")
        return time.perf_counter() - start

    assert seconds(8_000) < 40 * max(seconds(1_000), 0.005)
