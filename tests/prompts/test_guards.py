"""Guards of a revision: what each one refuses, and what it lets through."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from revloop.errors import PromptSetError
from revloop.prompts import PromptSet, shipped_prompt_sets
from revloop.prompts.guards import GuardName, GuardSettings, Revised, failures, known_guards
from revloop.prompts.guards.losses import numbers
from revloop.prompts.guards.wording import HERE_IS_A_REVISION, ITSELF, META
from revloop.prompts.parsing import UnusableError
from revloop.trajectory import Critique, Draft, GuardVerdict
from tests.helpers.prompt_folders import prompt_set
from tests.helpers.repository import DATA, REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

CHAT = PromptSet.load("chat")
CNR = PromptSet.load("cnr")
OF_CHATS = tuple(name for name in known_guards() if name != "about_itself")
LABELS = CHAT.settings.critique.labels
LINE = "(the complete revised response)"
INSTRUCTION = "Write it as an answer to the prompt. Fix every problem that you described in it."
LINES = (LINE, "### Critique:", INSTRUCTION)
PROSE = (
    "Paris is the capital of France. It lies on the Seine, and it has been a city for two thousand "
    "years. Two million people live there, and many more come to see its museums, its bridges and "
    "its towers. The river divides it into two banks, each with its own life and its own history."
)
CODE = "```python\nprint(1)\nprint(2)\n```"
LIST = "- one\n- two\n- three\n- four"
FIGURES = (
    "In 1815 there were 1,250 of them, in 1914 only 730, and in 1945 no more than 12.5 percent."
)
ANSWERS = DATA / "fastchat80"
IOTA = "\u0345"
"""No letter, but without case it is one, and so part of the word before it."""


def reason_of(
    name: str,
    text: str,
    before: str = "It is.",
    critique: str = "It is dull.",
    *prompts: str,
    negative: str | None = None,
) -> str | None:
    """What one guard says about a revision."""
    said = Critique(raw=critique, negative=negative)
    revised = Revised(text, before, said, before, prompts or ("Where?",), LINES, LABELS)
    found = [one.reason for one in failures(revised, {name})]
    return found[0] if found else None


class TestCopiedCritique:
    LONG = "It is dull, and far too long."

    @pytest.mark.parametrize(
        ("text", "critique"),
        [
            (" It is dull.\n", "It is dull."),
            (LONG, LONG),
            (f"{LONG}\n\nA bright one.", LONG),
        ],
    )
    def test_the_critique_is_refused_unless_the_draft_has_it(
        self, text: str, critique: str
    ) -> None:
        assert reason_of("copied_critique", text, critique=critique) == "it repeats the critique"
        assert reason_of("copied_critique", text, f"Say '{critique}'", critique) is None

    def test_a_short_critique_may_be_part_of_a_sentence(self) -> None:
        assert reason_of("copied_critique", "It is dull. Or is it?") is None

    def test_a_critique_of_its_own_is_refused_unless_the_draft_has_one(self) -> None:
        text = "Paris.\n\n**Positive Aspects:** Short.\n**Negative aspects:** none"
        assert reason_of("copied_critique", text) == "it contains a critique"
        assert (
            reason_of("copied_critique", text, "Positive aspects: a\nNegative aspects: b") is None
        )
        assert reason_of("copied_critique", "A fine kettle.\nOverall score: 9") is None

    def test_a_sentence_about_the_response_is_refused_and_one_about_the_subject_is_not(
        self,
    ) -> None:
        about = "The response does not say on which river the city lies."
        subject = "The capital of France is Paris, which lies on the Seine."
        critique = f"{about} {subject} Say so."
        assert reason_of("copied_critique", f"Paris. {about} Seine.", critique=critique) == (
            f"it repeats a sentence of the critique: '{about}'"
        )
        assert reason_of("copied_critique", f"{subject} It is old.", critique=critique) is None


class TestCritiquePassages:
    def test_many_words_of_the_critique_are_refused_unless_the_draft_has_them(self) -> None:
        said = f"Well. {PROSE} Then again, {FIGURES}"
        text = f"{PROSE} It is old, too."
        assert reason_of("critique_passages", text, critique=said) == (
            "55 of its 59 words are the critique's"
        )
        assert reason_of("critique_passages", text, PROSE, said) is None

    def test_a_sentence_that_the_critique_suggests_is_not(self) -> None:
        said = f"Dull. Write: '{PROSE[:120]}'"
        assert reason_of("critique_passages", f"{PROSE[:120]} {FIGURES}", critique=said) is None


class TestCopiedPrompt:
    @pytest.mark.parametrize(
        "text",
        [
            LINE,
            f"\n{LINE}\n",
            "The complete revised response",
            f"{LINE} Paris.",
            "Paris.\n### Critique:\nGood.",
            "Paris. fix every problem that you\ndescribed in it.",
        ],
    )
    def test_a_line_of_the_templates_is_refused_unless_the_draft_has_it(self, text: str) -> None:
        reason = reason_of("copied_prompt", text)
        assert reason is not None
        assert reason.startswith(("it repeats a line of the prompt: '", "it repeats words of the "))
        asked = f"What is it?\n{LINE}\n### Critique:\n{INSTRUCTION}"
        assert reason_of("copied_prompt", text, "It is.", "Dull.", asked) is None

    @given(st.integers(0, 9), st.text(), st.text())
    def test_seven_words_of_it_are_found_anywhere(self, first: int, one: str, other: str) -> None:
        words = INSTRUCTION.split()[first : first + 7]
        text = f"{one} {'; '.join(words).upper()} {other}"
        assert str(reason_of("copied_prompt", text)).startswith("it repeats ")

    def test_a_short_line_counts_only_as_a_whole_line(self) -> None:
        assert reason_of("copied_prompt", "Write ### Critique: first.") is None


class TestPromptAsAnswer:
    def test_the_prompt_in_place_of_its_answer_is_refused(self) -> None:
        asked = "On which river does the capital of France lie?"
        text = f" {asked}\n".replace("river ", "river\n")
        assert (
            reason_of("prompt_as_answer", text, "It is.", "Dull.", asked) == "it repeats the prompt"
        )
        assert reason_of("prompt_as_answer", f"{asked} The Seine.", "It.", "Dull.", asked) is None
        assert reason_of("prompt_as_answer", asked, "It.", "Dull.", "Correct this.", asked) is None
        assert reason_of("prompt_as_answer", asked, asked.upper(), "Dull.", asked) is None


class TestPlaceholder:
    @pytest.mark.parametrize(
        "text",
        [
            "[Insert the revised text here]",
            "It was founded in [insert date].",
            "It costs [your price in euros].",
            "(the complete revised response)",
            "[Revised response]",
            "<your improved answer>",
            "It is.\n[The rest of the response remains unchanged]",
            "It is.\n... rest of the code here",
            "(insert example here)",
        ],
    )
    def test_one_is_refused_unless_the_draft_has_it(self, text: str) -> None:
        assert str(reason_of("placeholder", text)).startswith("it contains a placeholder: '")
        assert reason_of("placeholder", f"Well: {text}", text) is None
        assert reason_of("placeholder", f"Well: {text}", "It is.", "Dull.", text) is None

    @pytest.mark.parametrize(
        "text",
        ["a[0]", "[your guide](https://example.org)", "(see above)", "The rest is easy.", "[1]"],
    )
    def test_other_brackets_are_text(self, text: str) -> None:
        assert reason_of("placeholder", text) is None

    def test_a_blank_in_a_letter_is_meant(self) -> None:
        text = "Dear Ann,\n\nThank you.\n\n[Your name here]"
        assert reason_of("placeholder", text, "It is.", "Dull.", "Write a letter.") is None


class TestMeta:
    @pytest.mark.parametrize(
        "text",
        [
            "The revised response says that Paris is old.",
            "Paris is old, as the original response says.",
            "As per the critique, Paris is old.",
            "Paris is old.\n\n**Revised response:** Paris is very old.",
            "Paris.</revised_response>",
            "This answer highlights why Paris is old.",
            "Paris is old. This answer does not provide more.",
            "Your answer is correct, but Paris is older.",
            "Let us refine the answer. Paris is old.",
            "To create a better answer, I name the river. Paris is old.",
            "How old it is! Here's a rewritten version with a focus on clarity: Paris is old.",
            "Paris. The original answer does not name the river.",
            "Paris. The answer is too long for a list.",
            "Paris is old. This answer is incorrect.",
            "Paris is old. This edit aims to be clear.",
            "This small correction improves the sentence.",
            "I made it shorter while maintaining the original message.",
            "Paris. The answer now contains: 4",
            "A more accurate answer would name the river.",
            "Paris. This answer is a rewritten version of it.",
            "Paris.\n\nThe answer now contains: 4",
            "Paris. A more detailed answer would name the river.",
            "Paris. This edit aims to be clear.",
            "Paris.\nThis small correction improves the sentence.",
            "Paris. In my understanding, this answer is correct.",
            "Paris.\n\nRevised:\n\nParis is old.",
        ],
    )
    def test_talk_about_the_revision_is_refused_unless_the_draft_has_it(self, text: str) -> None:
        assert str(reason_of("meta", text)).startswith("it talks about the revision: '")
        assert reason_of("meta", text, f"Say: {text}") is None

    @pytest.mark.parametrize(
        "text",
        [
            "Kant wrote the Critique of Pure Reason.",
            "The immune response is revised.",
            "The answer is 42.",
            "The immune system does this. Its response is more rapid.",
        ],
    )
    def test_other_talk_of_responses_is_text(self, text: str) -> None:
        assert reason_of("meta", text) is None

    @given(st.from_regex(META))
    def test_no_talk_of_a_pattern_is_passed_over(self, text: str) -> None:
        assume(IOTA not in text)
        assert str(reason_of("meta", text)).startswith("it talks about the revision: '")

    @given(st.from_regex(HERE_IS_A_REVISION))
    def test_no_offer_of_a_revision_is_passed_over(self, text: str) -> None:
        assume(IOTA not in text)
        assert str(reason_of("meta", text)).startswith("it talks about the revision: '")

    def test_a_prompt_may_ask_for_a_revision(self) -> None:
        text = "Here is a revised version with a new end: Paris is old."
        assert reason_of("meta", text) is not None
        assert reason_of("meta", text, "It is.", "Dull.", "Rewrite this: Paris is.") is None


class TestAboutItself:
    @pytest.mark.parametrize(
        "said",
        [
            "This answer suggests a balance.",
            "I made numerous improvements while keeping it clear.",
            "Note: You mentioned the river.",
            "My response is concise.",
            "Here is the previous version.",
            "The tone aims to bring joy.",
            "This text provides a touching story.",
        ],
    )
    def test_any_talk_of_the_text_is_refused_unless_the_draft_has_the_same(self, said: str) -> None:
        text = f"Paris is old. {said}"
        assert str(reason_of("about_itself", text)).startswith("it speaks of itself: '")
        assert reason_of("about_itself", text, f"Once more: {said}") is None
        assert reason_of("about_itself", text, "It is.", "Dull.", f"Say: {said}") is None

    @given(st.from_regex(re.compile(ITSELF.pattern.replace("(?=[imoty])", ""), re.IGNORECASE)))
    def test_no_talk_of_the_pattern_is_passed_over(self, text: str) -> None:
        assume(IOTA not in text)
        assert str(reason_of("about_itself", text)).startswith("it speaks of itself: '")

    def test_one_such_word_in_the_draft_does_not_allow_all_talk_with_it(self) -> None:
        text = "Paris is old. The question asks for its age."
        assert reason_of("about_itself", text, "That is a question of taste.") is not None
        assert reason_of("about_itself", text, "It is old. The question asks when.") is None

    @pytest.mark.parametrize(
        "text",
        [
            "This version of Linux is old.",
            "He responded to them.",
            "I made a cake.",
            "The number of text messages grows.",
            "This piece of land is old.",
        ],
    )
    def test_other_words_are_text(self, text: str) -> None:
        assert reason_of("about_itself", text) is None

    def test_it_is_on_in_the_sets_for_weak_models_alone(self) -> None:
        on = {
            name for name in shipped_prompt_sets() if "about_itself" in PromptSet.load(name).guards
        }
        assert on == {"chat-plain", "chat-prefill"}


class TestRepetition:
    @pytest.mark.parametrize(
        "text",
        [
            "It is old and it is large and " * 12,
            PROSE + " the city" * 40,
            f"{PROSE}\n" + "It lies on the Seine.\n" * 6,
            f"{PROSE} " + "It is a very old city. " * 6,
            "\n".join(f"{n}. It lies on the river and it is very old there." for n in range(40)),
        ],
    )
    def test_a_runaway_text_is_refused_unless_the_draft_is_like_that(self, text: str) -> None:
        assert str(reason_of("repetition", text)).startswith("it repeats ")
        assert reason_of("repetition", f"{text} So.", text) is None

    @given(
        st.lists(st.from_regex(r"[a-z]+", fullmatch=True), min_size=1, max_size=30),
        st.integers(5, 9),
        st.lists(st.sampled_from(PROSE.split())),
    )
    def test_words_that_are_repeated_at_the_end_are_refused(
        self, unit: list[str], times: int, before: list[str]
    ) -> None:
        times = max(times, 24 // len(unit) + 2)
        text = " ".join(before + unit * times)
        assert str(reason_of("repetition", text)).startswith("it repeats itself: '")

    @given(st.lists(st.sampled_from("abcdef"), min_size=4, max_size=30), st.integers(6, 9))
    def test_a_line_that_stands_between_others_again_and_again_is_refused(
        self, line: list[str], times: int
    ) -> None:
        text = "\n".join(f"{n}. {' '.join(line)}\n{n} and {n + 1}" for n in range(times))
        assert str(reason_of("repetition", text)).startswith("it repeats ")

    @pytest.mark.parametrize(
        "text",
        [
            PROSE,
            "| a | b |\n|---|---|\n" + "\n".join(f"| {n} | yes |" for n in range(60)),
            "ha " * 20,
            "```c\n"
            + "".join(f"int f{n}(void) {{\n    return {n};\n}}\n" for n in range(5))
            + "```",
            "\n".join(f"Row, row, row your boat,\nverse {n} of the song," for n in range(4)),
            "0 1 " * 100,
        ],
    )
    def test_tables_code_and_refrains_are_text(self, text: str) -> None:
        assert reason_of("repetition", text) is None


class TestTooShort:
    def test_far_less_than_before_is_refused(self) -> None:
        assert reason_of("too_short", PROSE[:100], PROSE) == (
            f"it is far shorter than the text before (100 of {len(PROSE)} characters)"
        )
        assert reason_of("too_short", PROSE[: len(PROSE) // 2], PROSE) is None
        assert reason_of("too_short", "Paris.", PROSE[:150]) is None

    def test_far_less_than_the_original_is_refused_too(self) -> None:
        revised = Revised(PROSE[:90], PROSE[:190], Critique(raw="Dull."), PROSE)
        (found,) = failures(revised, {"too_short"})
        shorter = Revised(PROSE[:90], PROSE[:100], Critique(raw="Dull."), PROSE)
        assert not list(failures(shorter, {"too_short"}))  # an earlier round was asked for less
        assert found.reason.startswith("it is far shorter than the original (90 of ")

    @pytest.mark.parametrize(
        "critique",
        [
            "It should be more concise.",
            "It is too long.",
            "Remove the second half.",
            "Shorten it.",
            "The part about bridges is irrelevant.",
        ],
    )
    def test_a_critique_may_ask_for_less_but_not_for_nothing(self, critique: str) -> None:
        assert reason_of("too_short", PROSE[:100], PROSE, critique) is None
        assert reason_of("too_short", PROSE[:20], PROSE, critique) is not None
        assert reason_of("too_short", PROSE[:100], PROSE, f"Good.\n{critique}", negative="x")

    def test_praise_for_brevity_asks_for_nothing(self) -> None:
        for critique in ("It is clear and concise.", "It is not too long.", "Be more detailed."):
            assert reason_of("too_short", PROSE[:100], PROSE, critique) is not None

    def test_a_prompt_may_ask_for_less(self) -> None:
        asked = "Describe Paris in one sentence."
        assert reason_of("too_short", PROSE[:100], PROSE, "Dull.", asked) is None


class TestLostCode:
    def test_a_lost_block_is_refused(self) -> None:
        before = f"So:\n{CODE}\n\nOr:\n~~~\nprint(3)\n~~~"
        assert reason_of("lost_code", "Print it.", CODE) == "it lost 1 of 1 code block"
        assert reason_of("lost_code", f"So:\n{CODE[:20]}\n```", before) == (
            "it lost 1 of 2 code blocks"
        )
        assert reason_of("lost_code", before.replace("print", "say"), before) is None
        assert reason_of("lost_code", "```\n" + before, before) is None

    def test_a_critique_may_speak_against_the_code(self) -> None:
        for critique in ("Remove the code.", "The code is unnecessary.", "Combine the blocks."):
            assert reason_of("lost_code", "Print it.", CODE, critique) is None


class TestLostList:
    @pytest.mark.parametrize(
        "before", [LIST, "1. a\n2. b\n\n3. c", "| a | b |\n|--|--|\n| c | d |"]
    )
    def test_a_lost_list_is_refused(self, before: str) -> None:
        assert str(reason_of("lost_list", "One and two.", before)).startswith(
            "it lost the list of "
        )
        assert reason_of("lost_list", "* a\n* b", before) is None
        assert reason_of("lost_list", "**1. a**\n\nText.\n\n**2. b**", before) is None

    def test_a_critique_or_a_prompt_may_ask_for_prose(self) -> None:
        assert reason_of("lost_list", "One.", LIST, "Write it in prose, not as a list.") is None
        assert reason_of("lost_list", "One.", LIST, "Dull.", "Tell it in two paragraphs.") is None
        assert reason_of("lost_list", "One.", "- a\n- b") is None


class TestLostNumbers:
    @given(st.lists(st.from_regex(r"[0-9]+([.,][0-9]+)?", fullmatch=True), max_size=9))
    def test_numbers_of_two_digits_count_each_once(self, found: list[str]) -> None:
        text = " and ".join(["It", *found, "so"])
        assert numbers(text) == {one for one in (n.replace(",", "") for n in found) if len(one) > 1}

    def test_what_counts_the_items_of_a_list_is_no_number(self) -> None:
        assert numbers("11. of 22\n  * 12) so\n> 13: 1.5, 333x, a44, 5.\r\n14. 66.") == (
            {"22", "1.5", "66"}
        )

    def test_most_numbers_gone_is_refused_and_others_in_their_place_are_not(self) -> None:
        assert reason_of("lost_numbers", "There were many once.", FIGURES) == (
            "it lost 6 of 6 numbers"
        )
        assert reason_of("lost_numbers", "In 1815 there were 1250.", FIGURES) is None
        assert reason_of("lost_numbers", "There were 17, then 18, then 19.", FIGURES) is None
        assert reason_of("lost_numbers", "Many.", "10. a\n11. b\n12. c\n13. d") is None


class TestWhichAreOn:
    def test_a_completion_set_keeps_to_those_that_cannot_be_wrong(self) -> None:
        assert CNR.guards == ("copied_critique", "copied_prompt", "repetition")
        assert CHAT.guards == OF_CHATS

    def test_a_set_may_switch_each_on_and_off(self) -> None:
        chosen = GuardSettings(too_short=True, meta=False).chosen(is_chat=False)
        assert chosen == ("copied_critique", "copied_prompt", "repetition", "too_short")
        assert "lost_list" not in GuardSettings(lost_list=False).chosen(is_chat=True)
        with pytest.raises(ValidationError, match="lost_lists"):
            GuardSettings.model_validate({"lost_lists": False})

    def test_the_settings_of_a_set_decide_and_are_part_of_its_digest(self, tmp_path: Path) -> None:
        plain = prompt_set(tmp_path, revision="\n[guards]")
        same = prompt_set(tmp_path)
        other = prompt_set(tmp_path, revision="\n[guards]\nlost_list = false\nmeta = false")
        assert (plain.digest, plain.guards) == (same.digest, OF_CHATS)
        assert other.digest != same.digest
        assert set(OF_CHATS) - set(other.guards) == {"lost_list", "meta"}
        with pytest.raises(PromptSetError, match=r"guards\.lost_lists"):
            prompt_set(tmp_path, revision="\n[guards]\nlost_lists = false")

    def test_every_check_has_a_switch(self) -> None:
        assert tuple(GuardSettings.model_fields) == known_guards()


def test_the_docs_name_every_check_and_where_it_is_on() -> None:
    page = (REPOSITORY / "docs" / "prompts.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `(\w+)` \|.*\| (every set|chat sets|sets for weak models) \|$", page, re.MULTILINE
    )
    assert [name for name, _ in rows] == [
        *(name for name in known_guards() if name in CNR.guards),
        *(name for name in known_guards() if name not in CNR.guards),
    ]
    assert [name for name, where in rows if where == "every set"] == list(CNR.guards)
    assert [name for name, where in rows if where.endswith("models")] == ["about_itself"]


class TestAccept:
    def test_the_first_failed_check_is_named_and_one_that_is_off_is_not(self) -> None:
        arguments: tuple[Critique, str, Draft] = (
            Critique(raw="Dull."),
            f"{PROSE}\n{CODE}",
            Draft(prompt="Where?", response=PROSE),
        )
        with pytest.raises(UnusableError, match="it lost 1 of 1 code block") as refused:
            CHAT.accept("Paris.", *arguments)
        assert refused.value.guard == "lost_code"
        only: tuple[GuardName, ...] = ("meta",)
        assert CHAT.accept("Paris.", *arguments, only).text == "Paris."
        assert CNR.accept("Paris.", *arguments).text == "Paris."

    def test_a_version_is_told_every_guard_that_it_fails_and_that_is_off(self) -> None:
        before, draft = f"{PROSE}\n{CODE}", Draft(prompt="Where?", response=PROSE)
        _, found = CHAT.accept("Paris.", Critique(raw="Dull."), before, draft, ())
        assert [one.guard for one in found] == ["lost_code", "too_short"]
        assert found[0] == GuardVerdict(guard="lost_code", reason="it lost 1 of 1 code block")
        _, found = CNR.accept("Paris.", Critique(raw="Dull."), before, draft)
        assert [one.guard for one in found] == ["lost_code", "too_short"]
        assert CHAT.accept(before, Critique(raw="Dull."), before, draft, ()) == (before, ())


@given(st.text(), st.text(), st.text(), st.text())
def test_no_text_breaks_a_check_and_an_unchanged_one_passes(
    text: str, before: str, critique: str, prompt: str
) -> None:
    revised = Revised(text, before, Critique(raw=critique), before, (prompt,), LINES, LABELS)
    assert all(one.reason for one in failures(revised))
    draft = Draft(prompt=prompt, response=f"{before}.")
    assert CHAT.accept(before, Critique(raw=critique), before, draft) == (before, ())


@pytest.mark.parametrize("name", shipped_prompt_sets())
@pytest.mark.skipif(not ANSWERS.exists(), reason="FastChat's answers are not here")
def test_no_answer_of_three_models_is_refused_as_a_revision_of_a_short_one(name: str) -> None:
    prompts = PromptSet.load(name)
    for model in ("chatgpt", "vicuna-13b", "bard"):
        for line in (ANSWERS / f"{model}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            draft = Draft(prompt=row["prompt"], response="It is.")
            said = Critique(raw="It could be clearer.")
            _, found = prompts.accept(row["response"], said, "It is.", draft, ())
            # which is strict on purpose
            assert {one.guard for one in found} <= {"about_itself"}, row["id"]


@pytest.mark.parametrize("unit", ["a ", "the city ", "[", "- ", "```\n", "1", "The response is. "])
def test_long_texts_are_checked_in_time(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    revised = Revised(text, PROSE * 300, Critique(raw=text[:3000]), PROSE, ("Why?",), LINES, LABELS)
    list(failures(revised))
