"""Thoughts at the start of a text are removed; their marks are text elsewhere."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.prompts.parsing import (
    ReplyFormat,
    ThoughtMarks,
    UnfinishedThoughtError,
    UnusableError,
    without_thoughts,
)

MARKS = [
    ("<think>", "</think>"),
    ("<Think>", "</THINK>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("[THINK]", "[/THINK]"),
    ("<seed:think>", "</seed:think>"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|start|>assistant<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
]
OPENING, CLOSING = re.compile("<new>"), re.compile("</new>")
TAGGED = ReplyFormat(OPENING, OPENING, CLOSING)
HEADED = ReplyFormat(re.compile("^Score:", re.MULTILINE))


def text_of(generated: str, *more: Any) -> str:
    return without_thoughts(generated, *more).text


plain = st.text(max_size=40).filter(lambda text: not re.search(r"[<\[◁]", text))


@pytest.mark.parametrize(("opening", "closing"), MARKS)
class TestMarks:
    def test_a_thought_at_the_start_is_left_out(self, opening: str, closing: str) -> None:
        assert text_of(f" \n{opening}Hm.{closing}\n\nGood.") == "Good."

    def test_so_is_one_whose_opening_mark_stood_in_the_prompt(
        self,
        opening: str,  # noqa: ARG002 - it stood in the prompt
        closing: str,
    ) -> None:
        assert text_of(f"Hm.{closing}Good.") == "Good."

    def test_a_thought_without_an_end_is_unusable(
        self,
        opening: str,
        closing: str,  # noqa: ARG002 - it never comes
    ) -> None:
        with pytest.raises(UnusableError, match="it is an unfinished thought"):
            without_thoughts(f"{opening}Hm. So {opening}")

    def test_a_pair_of_marks_further_in_is_text(self, opening: str, closing: str) -> None:
        text = f"Good: {opening}Hm.{closing} So."
        assert text_of(text) == text


@given(plain, plain.filter(str.strip).map(str.lstrip))
def test_what_follows_a_thought_is_left_to_the_letter(thought: str, text: str) -> None:
    assert text_of(f"<think>{thought}</think>\n\n    {text}") == f"    {text}"


@given(plain)
def test_a_text_without_marks_is_left_to_the_letter(text: str) -> None:
    assert text_of(text) == text


@pytest.mark.parametrize(
    "generated",
    [
        "<think>a</think><think>b</think>Good.",
        "<think>a</think>\n<reasoning>b</reasoning>\nGood.",
        "<think>I write <think> or so</think>Good.",
        "<think>a <think>b</think> c</think>Good.",
        "a</think><think>b</think>Good.",
        "analysisWe need to say it.assistantfinalGood.",
        "<|channel|>analysis<|message|>Hm.<|end|><|channel|>final<|message|>Good.<|return|>",
    ],
)
def test_several_thoughts_and_those_in_each_other_are_left_out(generated: str) -> None:
    assert text_of(generated) == "Good."


def test_many_thoughts_are_read_in_time() -> None:
    assert text_of("<think></think>" * 50_000 + "Good.") == "Good."
    assert text_of("</think>" * 50_000 + "Good.") == "Good."


def test_a_word_that_only_begins_like_a_thought_is_text() -> None:
    for text in ("analysis of the final", "<thinker>a</thinker>", "</thinker>"):
        assert text_of(text) == text


class TestForm:
    BOTH = "I write it between <new> and </new>. Hm."

    def test_a_thought_that_holds_the_form_ends_where_the_form_begins_again(self) -> None:
        for opening in ("<think>", ""):
            generated = f"{opening}{self.BOTH}</think><new>Good</new>"
            assert text_of(generated, (), TAGGED) == "<new>Good</new>"
        heads = "Score: 3 or so</think>Score: 7"
        for known in ((), ("What is </think>?",)):
            assert text_of(heads, known, HEADED) == "Score: 7"

    @pytest.mark.parametrize("mark", ["</think>", "<think>", "<think>a</think>", "[/THINK]"])
    def test_marks_inside_of_the_form_are_text(self, mark: str) -> None:
        for known in ((), ("What is </think>?",)):
            text = f"Sure: <new>Close it with {mark}, always.</new>"
            assert text_of(text, known, TAGGED) == text

    def test_the_form_in_a_thought_is_no_answer(self) -> None:
        assert text_of(f"{self.BOTH}</think>I cannot.", (), TAGGED) == "I cannot."
        assert text_of("Score: 3</think>I cannot.", (), HEADED) == "I cannot."

    def test_a_critique_may_speak_of_a_mark_that_the_draft_holds(self) -> None:
        text = "Score: 3\nIt never writes </think>, and </think> is needed."
        assert text_of(text, ("Write </think>.",), HEADED) == text


class TestMarksInTheDraft:
    @pytest.mark.parametrize(
        "text",
        [
            "<think>",
            "<think> opens a thought.",
            "</think>",
            "It ends with </think>",
            "<think>Hm.</think>Good.",
            "</think></think>",
        ],
    )
    def test_a_text_that_the_draft_holds_is_text(self, text: str) -> None:
        assert text_of(text, ("What?", text)) == text

    def test_a_thought_of_its_own_is_none_of_the_drafts(self) -> None:
        given = ("<think>Hm.</think>Good.",)
        assert text_of("<think>Well.</think>Better.", given) == "Better."

    def test_what_may_be_either_is_unusable(self) -> None:
        with pytest.raises(UnusableError, match="cannot be told apart from the answer"):
            without_thoughts("Hm.</think>Write </think>.", ("Write </think>!",))


class TestTheThoughtsThemselves:
    @pytest.mark.parametrize(("opening", "closing"), MARKS)
    def test_they_are_kept_without_their_marks(self, opening: str, closing: str) -> None:
        assert without_thoughts(f"{opening}\nHm.\n{closing}\nGood.").thoughts == "Hm."
        assert without_thoughts(f"Hm.{closing}Good.").thoughts == "Hm."

    def test_several_are_joined(self) -> None:
        found = without_thoughts("a</think><think>b</think>\n<reasoning> </reasoning>Good.")
        assert found == ("Good.", "a\n\nb")

    def test_a_text_without_thoughts_has_none(self) -> None:
        assert without_thoughts("Good.") == ("Good.", "")

    def test_an_unfinished_one_is_kept_with_those_before_it(self) -> None:
        with pytest.raises(UnfinishedThoughtError) as caught:
            without_thoughts("<think>a</think><think>b and")
        assert caught.value.thoughts == "a\n\nb and"


class TestMarksOfAPromptSet:
    MORE = (ThoughtMarks(opening="(hm:", closing=":hm)"),)

    def test_they_count_beside_the_others(self) -> None:
        assert without_thoughts("(HM:a:hm)<think>b</think>Good.", more=self.MORE) == (
            "Good.",
            "a\n\nb",
        )
        assert without_thoughts("(hm:a:hm)Good.").text == "(hm:a:hm)Good."

    @pytest.mark.parametrize("closing", ["end of thought", "END OF THOUGHT", "End of Thought"])
    def test_a_closing_mark_may_be_words_in_any_case(self, closing: str) -> None:
        more = (ThoughtMarks(opening="my thought", closing=closing),)
        for written in (closing.lower(), closing.upper()):
            assert without_thoughts(f"a {written} Good.", more=more) == (" Good.", "a")

    def test_one_without_an_end_is_unusable(self) -> None:
        with pytest.raises(UnfinishedThoughtError):
            without_thoughts("(hm: a", more=self.MORE)


@pytest.mark.parametrize(("opening", "closing"), [*MARKS, ("analysis", "assistantfinal")])
def test_a_thought_cut_anywhere_leaves_no_text(opening: str, closing: str) -> None:
    whole = f" {opening}We think.{closing}"
    for cut in range(2, len(whole)):
        with pytest.raises(UnfinishedThoughtError):
            without_thoughts(whole[:cut], is_cut=True)


def test_the_start_of_a_mark_is_text_where_nothing_was_cut() -> None:
    for text in ("<", "<thi", "anal", "(hm"):
        assert without_thoughts(text).text == text
