"""Parsing critiques and revisions from generated text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from revloop.prompts.parsing import (
    Labels,
    RevisionTags,
    UnusableError,
    parse_critique,
    parse_revision,
    unless_unchanged,
    write_critique,
    write_revision,
)
from revloop.prompts.parsing.thoughts import marks_shown
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

# no marks of thoughts (test_thoughts.py): Hypothesis also draws constants of the source
texts = st.text(max_size=60).filter(lambda text: marks_shown(text) is None)


def said(score: str = "7", positive: str = "Short.", negative: str = "Dull.") -> str:
    return f"Overall score: {score}\nPositive aspects: {positive}\nNegative aspects: {negative}"


def parsed(generated: str, labels: Labels = STRICT) -> tuple[float | None, str | None, str | None]:
    critique = parse_critique(generated, labels)
    return critique.score, critique.positive, critique.negative


class TestCritique:
    def test_the_three_parts_are_found(self) -> None:
        assert parse_critique(said(), STRICT) == Critique(
            raw=said(), score=7, positive="Short.", negative="Dull."
        )

    @given(texts)
    def test_the_raw_text_is_kept_to_the_letter(self, text: str) -> None:
        if text.strip():
            assert parse_critique(text, LENIENT).raw == text

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
            ("8 out of 10", 8),
            ("4 out of 10", 4),
            ("**4** out of 10.", 4),
            ("4 out of 10, since it is dull", 4),
            ("8 (out of 10)", 8),
            ("8 of 10.", 8),
            ("8.5 / 10 points", 8.5),
            ("8 points", 8),
            ("8 (good)", 8),
            ("8/10 (good, but long)", 8),
            ("8 - good", 8),
            ("8, since it is short", 8),
            ("**8**/10", 8),
            ("**8/10**", 8),
            ("(8/10)", 8),
            ("[8]", 8),
            ("8/10: good in 2 of 3 points", 8),
            ("\n8/10", 8),
            ("\n\n**8**", 8),
        ],
    )
    def test_a_score_on_the_scale_is_read(self, score: str, number: float) -> None:
        assert parsed(said(score))[0] == number

    @pytest.mark.parametrize(
        "score",
        [
            *("", "seven", "0", "0.99", "10.01", "11", "-7", "7/5", "7/100", "nan", "inf", "7 8"),
            *("1e1", "7-8", "7 - 8", "7 or 8", "8,5", "7 (8 with a table)", "80%", "8 out of 5"),
            "(a number from 1, useless, to 10, nothing to improve)",
        ],
    )
    def test_a_score_that_is_none_makes_the_critique_unusable(self, score: str) -> None:
        with pytest.raises(UnusableError, match="is not a score from 1 to 10"):
            parse_critique(said(score), STRICT)

    def test_where_the_form_is_not_required_a_bad_score_is_told_and_the_rest_is_read(self) -> None:
        assert parse_critique(said("seven"), LENIENT) == Critique(
            raw=said("seven"), positive="Short.", negative="Dull.", unread_score="seven"
        )

    @pytest.mark.parametrize(
        "line",
        [
            *("Overall Score: 8", "**Overall score:** 8", "**Overall Score**: 8/10", "Score: 8/10"),
            *("### Overall score\n8", "- Overall score: 8", "1. **Overall score:** 8 out of 10"),
            *("OVERALL SCORE: 8 (good)", "_Overall score:_ 8", "> Overall score: 8"),
        ],
    )
    def test_where_the_form_is_not_required_a_score_is_read_as_models_write_it(
        self, line: str
    ) -> None:
        for rest in ("", "\n\n**Positive Aspects:** Short.\n\n**Negative Aspects:** Dull."):
            assert parse_critique(f"It is well written.\n\n{line}{rest}", LENIENT).score == 8

    def test_where_the_form_is_not_required_a_score_may_come_last(self) -> None:
        text = "Positive aspects: a\nNegative aspects: b\nOverall score: 8/10"
        assert parse_critique(text, LENIENT) == Critique(raw=text, score=8)

    @pytest.mark.parametrize("below", ["1. It is dull.", "8 - and more", "It is dull.", ""])
    def test_a_line_below_the_heading_is_a_score_only_if_it_is_nothing_else(
        self, below: str
    ) -> None:
        assert parse_critique(f"Overall score:\n{below}", LENIENT).unread_score == ""

    def test_a_score_without_a_heading_is_not_looked_for(self) -> None:
        text = "I would say 8 out of 10."
        assert parse_critique(text, LENIENT) == Critique(raw=text)

    @pytest.mark.parametrize("labels", [STRICT, LENIENT, None])
    def test_a_blank_critique_is_unusable_whatever_is_required(self, labels: Labels | None) -> None:
        with pytest.raises(UnusableError, match=r"^it is blank$"):
            parse_critique(" \n", labels)

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
        with pytest.raises(
            UnusableError, match=r"there is no 'Overall|do not follow|is not a score"
        ):
            parse_critique(generated, STRICT)

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
        # backtracking over all three headings at once would take days
        generated = "Overall score: 7\nPositive aspects: Short.\n" * 50_000
        with pytest.raises(UnusableError, match="do not follow 'Overall score:'"):
            parse_critique(generated, STRICT)

    @pytest.mark.parametrize("run", ["*", " ", "#", "_", "8 ", "( ", "*_ "])
    def test_a_line_of_marks_is_read_in_time(self, run: str) -> None:
        parse_critique(f"{run * 20_000}\nOverall score: 8{run * 20_000}!", LENIENT)

    def test_a_scale_starts_with_its_lowest_score(self) -> None:
        with pytest.raises(ValidationError, match="the scale's lowest score must come first"):
            Labels(score="S", positive="P", negative="N", scale=(10, 1), required=True)


class TestRevision:
    def test_without_tags_the_whole_text_is_the_revision_to_the_letter(self) -> None:
        assert parse_revision("\n The answer. \n", None) == "\n The answer. \n"

    @pytest.mark.parametrize(
        ("generated", "revision"),
        [
            ("Sure!\n<revised>\nA.\n</revised>\nDone.", "A."),
            ("<revised>A.</revised>", "A."),
            ("<revised>\n    return x\n\n</revised>", "    return x\n"),
            ("<revised>\r\n\tA.\r\n</revised>", "\tA."),
            ("<revised> A. </revised>", " A. "),
            ("<Revised>\nA.\n</REVISED>", "A."),
        ],
    )
    def test_with_tags_it_stands_between_them_but_for_a_line_break_inside_each(
        self, generated: str, revision: str
    ) -> None:
        assert parse_revision(generated, TAGS) == revision

    @pytest.mark.parametrize("blank", ["<revised></revised>", "<revised> \n </revised>"])
    def test_a_blank_revision_is_unusable(self, blank: str) -> None:
        with pytest.raises(UnusableError, match=r"^it is blank$"):
            parse_revision(blank, TAGS)
        with pytest.raises(UnusableError, match=r"^it is blank$"):
            parse_revision(" \n", None)

    @pytest.mark.parametrize(
        ("generated", "missing"),
        [
            ("", "<revised>"),
            ("A.", "<revised>"),
            ("A.</revised>", "<revised>"),
            ("I write it between <revised> and the other one.", "</revised>"),
            ("</revised>A.<revised>", "</revised>"),
        ],
    )
    def test_a_missing_tag_makes_the_revision_unusable(self, generated: str, missing: str) -> None:
        with pytest.raises(UnusableError, match=f"^there is no {missing}$"):
            parse_revision(generated, TAGS)

    @pytest.mark.parametrize("generated", ["<revised>A.", "Sure!\n<revised>\nA.\n"])
    def test_a_closing_tag_may_be_missing_at_the_end_of_the_text(self, generated: str) -> None:
        assert parse_revision(generated, TAGS) == "A."

    @pytest.mark.parametrize(
        "generated",
        [
            "<revised>A.</revised><revised>B.</revised>",
            "<revised>\nA.\n</revised>\n\nOr, shorter:\n\n<Revised>\nB.\n</Revised>",
            "<revised>A.</revised> or <revised>B.",
        ],
    )
    def test_two_revisions_are_none(self, generated: str) -> None:
        for texts_given in ((), ("Write <revised>x</revised> so.",)):
            with pytest.raises(UnusableError, match=r"^there is more than one revision$"):
                parse_revision(generated, TAGS, texts_given)

    @pytest.mark.parametrize(
        "generated",
        [
            "<revised><revised>A.</revised></revised>",
            "<revised>\n<revised>\nA.\n</revised>",
            "<revised>A.</revised>\n</revised>",
        ],
    )
    def test_a_tag_that_is_left_in_a_revision_makes_it_unusable(self, generated: str) -> None:
        with pytest.raises(UnusableError, match=r"^it contains a stray tag$"):
            parse_revision(generated, TAGS)

    @pytest.mark.parametrize(
        "text",
        [
            "Write <revised>x</revised> so.",
            "<revised>",
            "</revised>",
            "</revised> and <revised>",
            "<revised>a</revised> and <revised>b</revised>",
        ],
    )
    def test_tags_that_the_draft_holds_are_text(self, text: str) -> None:
        written = write_revision(f"So: {text}", TAGS)
        assert parse_revision(written, TAGS, ("Which tags?", text)) == f"So: {text}"

    @given(texts.filter(lambda text: text.strip() != ""), texts, texts)
    def test_any_text_comes_back_from_between_the_tags(
        self, text: str, before: str, after: str
    ) -> None:
        generated = f"{before}<revised>\n{text}\n</revised>{after}"
        assert parse_revision(generated, TAGS) == text

    @given(
        st.lists(st.sampled_from(["<revised>", "</revised>", "\n", " ", "A"]) | texts).map("".join)
    )
    def test_a_revision_is_a_passage_of_the_text_or_refused(self, generated: str) -> None:
        for tags in (TAGS, None):
            try:
                revision = parse_revision(generated, tags)
            except UnusableError as refused:
                assert refused.reason  # noqa: PT017 - either is right
            else:
                assert revision in generated
                assert revision.strip()
                assert tags is None or "revised>" not in revision


class TestUnchanged:
    @given(texts, st.sampled_from(["", " ", "\n", "\r\n\t "]))
    def test_what_differs_in_the_white_space_around_is_the_text_before(
        self, text: str, space: str
    ) -> None:
        assert unless_unchanged(text.strip(), f"{space}{text}{space}") == f"{space}{text}{space}"

    def test_what_differs_elsewhere_is_the_revision_to_the_letter(self) -> None:
        assert unless_unchanged("a  b\n", "a b") == "a  b\n"


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

    @given(texts.filter(str.strip))
    def test_a_revision_is_read_back_to_the_letter(self, text: str) -> None:
        for tags in (TAGS, None):
            assert parse_revision(write_revision(text, tags), tags) == text
