"""Reading critiques and revisions out of what a critic generated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from revloop.parsing import (
    Labels,
    RevisionTags,
    parse_critique,
    parse_revision,
    write_critique,
    write_revision,
)
from revloop.trajectory import Critique

STRICT = Labels(
    score="Overall score:",
    positive="Positive aspects:",
    negative="Negative aspects:",
    scale=(1, 10),
    required=True,
)
LENIENT = STRICT.model_copy(update={"required": False})
TAGS = RevisionTags(opening="<revised>", closing="</revised>")

texts = st.text(max_size=60)


def said(score: str = "7", positive: str = "Short.", negative: str = "Dull.") -> str:
    return f"Overall score: {score}\nPositive aspects: {positive}\nNegative aspects: {negative}"


def parsed(generated: str, labels: Labels = STRICT) -> tuple[float | None, str | None, str | None]:
    critique = parse_critique(generated, labels)
    assert critique is not None
    return critique.score, critique.positive, critique.negative


class TestCritique:
    def test_the_three_parts_are_found(self) -> None:
        assert parse_critique(said(), STRICT) == Critique(
            raw=said(), score=7, positive="Short.", negative="Dull."
        )

    @given(texts)
    def test_the_raw_text_is_kept_to_the_letter(self, text: str) -> None:
        critique = parse_critique(text, LENIENT)
        assert text.strip() == "" if critique is None else critique.raw == text

    @given(st.floats(1, 10).map(lambda x: round(x, 2)), texts, texts)
    def test_any_parts_come_back_from_the_form(
        self, score: float, positive: str, negative: str
    ) -> None:
        generated = said(f"{score:.2f}", positive, negative)
        assert parsed(generated) == (score, positive.strip(), negative.strip())

    @pytest.mark.parametrize(
        ("score", "number"),
        [
            ("7", 7),
            ("7.5", 7.5),
            (" 07 ", 7),
            ("1", 1),
            ("10", 10),
            ("7/10", 7),
            ("7 / 10", 7),
            ("7.5/10.0", 7.5),
            ("7.", 7),
            ("7/10.", 7),
            ("**7**", 7),
            ("7\r", 7),
        ],
    )
    def test_a_score_on_the_scale_is_read(self, score: str, number: float) -> None:
        assert parsed(said(score))[0] == number

    @pytest.mark.parametrize(
        "score",
        ["", "seven", "0", "0.99", "10.01", "11", "-7", "7/5", "7/100", "nan", "inf", "7 8", "1e1"],
    )
    def test_a_score_that_is_none_makes_the_critique_unusable(self, score: str) -> None:
        assert parse_critique(said(score), STRICT) is None

    def test_where_the_form_is_not_required_a_bad_score_leaves_the_text(self) -> None:
        assert parse_critique(said("seven"), LENIENT) == Critique(raw=said("seven"))

    def test_a_blank_critique_is_none_whatever_is_required(self) -> None:
        assert parse_critique(" \n", STRICT) is None
        assert parse_critique(" \n", LENIENT) is None
        assert parse_critique(" \n", None) is None

    def test_without_labels_any_text_is_a_critique(self) -> None:
        assert parse_critique("Dull.", None) == Critique(raw="Dull.")

    @pytest.mark.parametrize(
        "generated",
        [
            "Positive aspects: a\nNegative aspects: b",
            "Overall score: 7\nNegative aspects: b",
            "Overall score: 7\nPositive aspects: a",
            "Overall score: 7\nNegative aspects: b\nPositive aspects: a",
            "Overall score: 7 Positive aspects: a Negative aspects: b",
            "The Overall score: 7\nPositive aspects: a\nNegative aspects: b",
            "overall score: 7\npositive aspects: a\nnegative aspects: b",
        ],
    )
    def test_a_missing_or_misplaced_part_makes_the_critique_unusable(self, generated: str) -> None:
        assert parse_critique(generated, STRICT) is None

    def test_empty_aspects_are_aspects(self) -> None:
        assert parsed(said(positive="", negative="")) == (7, "", "")

    def test_aspects_may_have_several_lines(self) -> None:
        generated = said(positive="\n- a\n- b\n", negative="\n1. c\n\n2. d\n")
        assert parsed(generated) == (7, "- a\n- b", "1. c\n\n2. d")

    def test_talk_before_the_headings_is_passed_over(self) -> None:
        assert parsed("Let me see.\n\n" + said()) == (7, "Short.", "Dull.")

    @pytest.mark.parametrize("mark", ["**{}**", "# {}", "### **{}**", "  {}", "\t{}"])
    def test_headings_may_be_bold_or_markdown_headings(self, mark: str) -> None:
        score, positive, negative = (
            mark.format(label) for label in (STRICT.score, STRICT.positive, STRICT.negative)
        )
        assert parsed(f"{score} 7\n{positive} a\n{negative} b") == (7, "a", "b")

    def test_a_heading_that_comes_again_belongs_to_the_last_part(self) -> None:
        generated = said(negative="It says\nOverall score: 3\nNegative aspects: none")
        assert parsed(generated) == (
            7,
            "Short.",
            "It says\nOverall score: 3\nNegative aspects: none",
        )

    def test_labels_are_text_and_no_pattern(self) -> None:
        labels = Labels(score="S (1+):", positive="[P]", negative="N*", scale=(0, 1), required=True)
        assert parsed("S (1+): 1\n[P] a\nN* b", labels) == (1, "a", "b")

    def test_a_critic_that_repeats_itself_without_end_is_read_in_time(self) -> None:
        # a search that backtracks over all three headings at once would take days for this
        generated = "Overall score: 7\nPositive aspects: Short.\n" * 50_000
        assert parse_critique(generated, STRICT) is None

    def test_a_scale_starts_with_its_lowest_score(self) -> None:
        with pytest.raises(ValidationError, match="the scale's lowest score comes first"):
            Labels(score="S", positive="P", negative="N", scale=(10, 1), required=True)


class TestRevision:
    def test_without_tags_the_whole_text_is_the_revision(self) -> None:
        assert parse_revision("\n The answer. \n", None) == "The answer."

    def test_with_tags_it_stands_between_them(self) -> None:
        assert parse_revision("Sure!\n<revised>\nA.\n</revised>\nDone.", TAGS) == "A."

    @pytest.mark.parametrize("blank", ["", " \n", "<revised></revised>", "<revised> \n </revised>"])
    def test_a_blank_revision_is_none(self, blank: str) -> None:
        assert parse_revision(blank, TAGS) is None

    @pytest.mark.parametrize(
        "open_", ["A.", "<revised>A.", "A.</revised>", "</revised>A.<revised>"]
    )
    def test_a_missing_tag_makes_the_revision_unusable(self, open_: str) -> None:
        assert parse_revision(open_, TAGS) is None

    def test_the_first_opening_and_the_last_closing_tag_count(self) -> None:
        generated = "<revised>Write <revised>x</revised> so.</revised>"
        assert parse_revision(generated, TAGS) == "Write <revised>x</revised> so."

    @given(texts.filter(lambda text: text.strip() != ""), texts, texts)
    def test_any_text_comes_back_from_between_the_tags(
        self, text: str, before: str, after: str
    ) -> None:
        generated = f"{before}<revised>{text}</revised>{after}"
        assert parse_revision(generated, TAGS) == text.strip()

    @given(texts)
    def test_a_revision_has_no_white_space_around_it(self, text: str) -> None:
        assert parse_revision(text, None) == (text.strip() or None)


class TestWriting:
    @given(st.floats(1, 10) | st.integers(1, 10), texts, texts)
    def test_what_was_written_is_read_back(
        self, score: float, positive: str, negative: str
    ) -> None:
        written = write_critique(score, positive, negative, STRICT)
        assert parsed(written) == (score, positive.strip(), negative.strip())

    @pytest.mark.parametrize(
        ("score", "number"), [(4, "4"), (4.0, "4"), (4.5, "4.5"), (1.00000001, "1.00000001")]
    )
    def test_a_score_is_written_as_a_person_would(self, score: float, number: str) -> None:
        assert write_critique(score, "a", "b", STRICT) == said(number, "a", "b")

    def test_a_part_that_is_empty_leaves_no_white_space(self) -> None:
        assert write_critique(4, "", " ", STRICT) == (
            "Overall score: 4\nPositive aspects:\nNegative aspects:"
        )

    @given(texts)
    def test_a_revision_is_read_back(self, text: str) -> None:
        for tags in (TAGS, None):
            assert parse_revision(write_revision(text, tags), tags) == (text.strip() or None)
