"""Talk of a model about its work: taken off around a revision, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.prompts import PromptSet
from revloop.prompts.parsing import (
    RevisionTags,
    UnusableError,
    left_out,
    without_talk,
    write_revision,
)

CHAT = PromptSet.load("chat")
CNR = PromptSet.load("cnr")
ANSWER = "Paris is the capital of France.\n\n- It lies on the Seine.\n- It is old."

PREAMBLES = [
    "Here is the revised response:",
    "Here's the revised response:",
    "Here is a revised version of the response that addresses the points above:",
    "Here is the revised response, with all problems fixed:",
    "Sure! Here's an improved version:",
    "Sure, here is a more concise and clearer revised answer:",
    "Certainly! Below is the rewritten response:",
    "Of course. Here is my revised answer:",
    "Thank you for the feedback. Here is the revised response:",
    "**Revised response:**",
    "**Revised Response**:",
    "**Revised Response**",
    "Revised response:",
    "REVISED ANSWER:",
    "The revised response:",
    "**Revised answer:**",
    "## Revised answer",
    "### Revised Response:",
    "### **Improved version**",
    "Revised version:",
    "Here's a further optimized version:",
    "Here is the revised response.",
    "I have revised the response to address the critique:",
    "I've rewritten your original answer as follows.",
    "*Here is the improved response:*",
    "The answer to this question is:",
]
POSTAMBLES = [
    "I hope this helps!",
    "I hope this revised response meets your needs. Let me know if you have any questions!",
    "Let me know if you would like further changes.",
    "Please let me know if you need anything else.",
    "Feel free to ask if you have any questions.",
    "This revised response addresses the problems: it is shorter and names the river.",
    "This response addresses the points of the critique.",
    "The revised response is clearer and more concise.",
    "This answer presents more benefits, emphasizing what counts.",
    "This answer is improved with several methods.",
    "This response is more detailed than before. It says where Paris lies.",
    "In this revised version, I have removed the error.",
    "Note: I have removed the second sentence.",
    "**Note:** I removed the second sentence.",
    "(Note that I have corrected the capital.)",
    "I have revised the response to be clearer.",
    "Changes made: the capital is right now.",
    "Changes made:\n- the capital is right now\n- the river is named",
    "**Changes made:**\n\n1. The capital is right now.\n2. The river is named.",
    "Summary of changes:\n* the capital",
    "I made the following changes:\n- the capital",
]
LOOK_LIKE_TALK = [
    "Here is how to get to Paris:\n\n- by train",
    "Here are some tips:\n- walk",
    "Here is the answer: 42",
    "Final answer: 42",
    "New version: 2.0 is out.\nIt is fast.",
    "Here is a revised version of your essay:\n\nOnce upon a time.",
    "Paris, revised:\nIt is old.",
    "The revised edition of the book is here.\nIt is good.",
    "Dear Ann,\n\nI send the files.\n\nPlease let me know if you need more.",
    "Take the train.\n\nLet us know the truth.",
    "It works.\n\nThis response time is too long.",
    "It works.\n\nThis response is mediated by the amygdala.",
    "It works.\n\nThis improved efficiency by 10%.",
    "Steps:\n\nNote: water boils at 100 degrees.",
    "He said: I hope this helps! Then he left.",
    "```python\nprint(1)\n```",
    '"To be" and "not to be"',
    "Changes made:\nThe river was moved.\n\nThe city grew.\n\nIt is old.",
]


@pytest.mark.parametrize("preamble", PREAMBLES)
@pytest.mark.parametrize("after", ["\n\n", "\n", "\n\n---\n\n", "\r\n\r\n"])
def test_a_preamble_on_a_line_of_its_own_is_taken_off(preamble: str, after: str) -> None:
    assert without_talk(f"{preamble}{after}{ANSWER}") == ANSWER
    assert without_talk(f"\n{preamble}{after}    {ANSWER}") == f"    {ANSWER}"


@pytest.mark.parametrize("preamble", [one for one in PREAMBLES if one.endswith((":", ":**"))])
def test_a_preamble_before_the_first_sentence_is_taken_off(preamble: str) -> None:
    if not preamble.startswith("#"):
        assert without_talk(f"{preamble} {ANSWER}") == ANSWER


@pytest.mark.parametrize("postamble", POSTAMBLES)
@pytest.mark.parametrize("before", ["\n\n", "\n\n---\n\n", "\n\n\n"])
def test_a_postamble_is_taken_off(postamble: str, before: str) -> None:
    assert without_talk(f"{ANSWER}{before}{postamble}\n") == ANSWER


@pytest.mark.parametrize("postamble", POSTAMBLES[:5])
def test_a_postamble_on_the_last_line_is_taken_off(postamble: str) -> None:
    assert without_talk(f"{ANSWER}\n{postamble}") == ANSWER


def test_talk_on_both_sides_and_in_layers_is_taken_off() -> None:
    said = f"Sure! Here is the revised response:\n\n```\n{ANSWER}\n```\n\n{POSTAMBLES[5]}\n\n"
    assert without_talk(f"{said}I hope this helps!") == ANSWER
    assert without_talk(f'Revised response:\n"{ANSWER}"\n\nChanges made:\n- quotes') == ANSWER


@pytest.mark.parametrize("info", ["", "markdown", "md", "text", "Markdown"])
def test_a_fence_around_the_whole_is_taken_off_unless_the_draft_has_code(info: str) -> None:
    for fence in ("```", "~~~"):
        fenced = f"{fence}{info}\n    {ANSWER}\n{fence}\n"
        assert without_talk(fenced, ("It is.", "Where?")) == f"    {ANSWER}"
        assert without_talk(fenced, ("```\nx\n```", "Where?")) == fenced


def test_a_fence_with_a_language_or_another_fence_inside_is_text() -> None:
    for text in ("```python\nprint(1)\n```", "```\na\n```\nb\n```\nc\n```", "```\nopen"):
        assert without_talk(text) == text


@pytest.mark.parametrize("quotes", ['""', "“”", "«»"])
def test_quotes_around_the_whole_are_taken_off_unless_the_draft_has_them(quotes: str) -> None:
    text = f"{quotes[0]}{ANSWER}{quotes[1]}"
    assert without_talk(text, ("It is.", "Where?")) == ANSWER
    assert without_talk(text, (f"{quotes[0]}It is.{quotes[1]}", "Where?")) == text
    assert without_talk(text, ("It is.", "Give me a quotation.")) == text


@pytest.mark.parametrize("text", LOOK_LIKE_TALK)
def test_what_only_looks_like_talk_stays(text: str) -> None:
    assert without_talk(text) == text


@pytest.mark.parametrize("preamble", PREAMBLES)
def test_a_preamble_stays_if_a_text_of_the_draft_has_one(preamble: str) -> None:
    text = f"{preamble}\n\n{ANSWER}"
    assert without_talk(text, (f"Here is the revised answer:\n{ANSWER}", "Why?")) == text


@pytest.mark.parametrize("postamble", POSTAMBLES)
def test_a_postamble_stays_if_a_text_of_the_draft_has_it(postamble: str) -> None:
    text = f"{ANSWER}\n\n{postamble}"
    assert without_talk(text, (f"Paris.\n\n{postamble}", "Why?")) == text


WORDS = "Paris it is old here the a tip 1. - **bold** # : | > `x` hope note changed 100%"
words = st.sampled_from([*WORDS.split(), "\n", "\n\n", "\r\n", "\t", "\u2028"])


@given(st.lists(words, max_size=40).map(" ".join) | st.text().filter(lambda one: '"' not in one))
def test_a_text_without_talk_comes_through_byte_for_byte(text: str) -> None:
    if text.strip()[:1] not in "“«" or not text.strip():
        assert without_talk(text) == text


parts = st.lists(
    st.sampled_from([*PREAMBLES, *POSTAMBLES, *LOOK_LIKE_TALK, ANSWER, "```", '"', "---", "\n"]),
    max_size=7,
)


@given(parts, st.sampled_from([" ", "\n", "\n\n"]))
def test_what_is_left_is_a_passage_of_the_text(found: list[str], between: str) -> None:
    text = between.join(found)
    left = without_talk(text)
    assert left in text
    assert without_talk(left) == left


@given(parts, st.sampled_from([" ", "\n", "\n\n"]))
def test_a_text_of_the_draft_comes_through_byte_for_byte(found: list[str], between: str) -> None:
    text = between.join(found)
    assert without_talk(text, (text, "Why?")) == text


@pytest.mark.parametrize("filler", ["Sure, ", "here is the ", "a ", "I hope this. ", "*", "\n\nx"])
def test_long_texts_are_read_in_time(filler: str) -> None:
    text = filler * 20_000
    assert without_talk(f"{text}.").startswith(text[:3])


def test_a_chat_takes_it_off_and_a_fine_tuned_critic_is_taken_at_its_word() -> None:
    said = f"{PREAMBLES[0]}\n\n{ANSWER}\n\n{POSTAMBLES[0]}"
    assert CHAT.parse_revision(write_revision(said, CHAT.settings.revision.tags)) == ANSWER
    both = f"Dull.\n{write_revision(said, CHAT.settings.revision.tags)}"
    assert CHAT.parse_single_pass(both)[1] == ANSWER
    assert CNR.parse_revision(said) == said


def test_talk_alone_is_unusable() -> None:
    said = write_revision(PREAMBLES[0], CHAT.settings.revision.tags)
    with pytest.raises(UnusableError, match="it is talk about a revision, without one"):
        CHAT.parse_revision(said)


@pytest.mark.parametrize(
    ("reply", "around"),
    [
        (f"{PREAMBLES[0]}\n\n{ANSWER}\n\n{POSTAMBLES[0]}", (PREAMBLES[0], POSTAMBLES[0])),
        (f"Sure!\n<Revised>\n{ANSWER}\n</Revised>\n", ("Sure!",)),
        (f"<revised>\n{ANSWER}\n</revised>\nBye!", ("Bye!",)),
        (f"\n{ANSWER}\n", ()),
    ],
)
def test_what_stands_around_a_revision_can_be_told(reply: str, around: tuple[str, ...]) -> None:
    tags = RevisionTags(opening="<revised>", closing="</revised>")
    assert left_out(reply, f" {ANSWER}\n", tags) == around
