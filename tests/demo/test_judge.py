"""The exact judge: it counts faults and cannot be gamed."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.demo.judge import Fault, compare, judge
from revloop.demo.messages import Facts, WordSource, draw_draft, write
from revloop.demo.phrases import ROLES

FACTS = Facts("thank-you note", "Karin", "green", "lamp", "Monday", "5 pm")
PROMPT = FACTS.prompt()
GOOD = (
    "Dear Karin,\nI am grateful for the green lamp.\nIt arrived on Monday at 5 pm.\n"
    "It is a wonderful present.\nWith best wishes."
)
SEEDS = st.integers(0, 2**32)


def faults(response: str) -> list[tuple[str, str]]:
    return [(fault.kind, fault.role) for fault in judge(PROMPT, response).faults]


def test_a_good_message_has_no_fault() -> None:
    assert faults(GOOD) == []


@pytest.mark.parametrize(
    ("right", "wrong", "kind", "role"),
    [
        ("Karin", "Otto", "name", "greeting"),
        ("Karin", "karin", "name", "greeting"),
        ("Karin", "Karn", "name", "greeting"),
        ("green", "red", "thing", "one"),
        ("lamp", "chair", "thing", "one"),
        ("Monday", "Friday", "time", "two"),
        ("5 pm", "5 am", "time", "two"),
        ("5 pm", "5:30 pm", "time", "two"),
        ("grateful", "grateul", "spelling", "one"),
        ("wonderful", "wonderfful", "spelling", "three"),
        ("Dear", "dear", "mechanics", "greeting"),
        ("It is", "it is", "mechanics", "three"),
        ("present.", "present", "mechanics", "three"),
        ("wishes.", "wishes", "mechanics", "closing"),
        ("Karin,", "Karin", "mechanics", "greeting"),
        ("\nWith best wishes.", "", "closing", "closing"),
    ],
)
def test_one_fault_is_counted_once_and_named(right: str, wrong: str, kind: str, role: str) -> None:
    assert faults(GOOD.replace(right, wrong)) == [(kind, role)]


@pytest.mark.parametrize("line", range(1, 4))
def test_a_repeated_sentence_is_one_fault(line: int) -> None:
    lines = GOOD.split("\n")
    assert faults("\n".join([*lines[: line + 1], *lines[line:]])) == [("repeated", ROLES[line])]


def test_a_repeated_sentence_with_a_fault_counts_its_fault_once() -> None:
    spoilt = GOOD.replace("lamp.", "chair.\nI am grateful for the green chair.")
    assert sorted(faults(spoilt)) == [("repeated", "one"), ("thing", "one")]


def test_a_missing_sentence_counts_its_facts_too() -> None:
    assert judge(PROMPT, GOOD.replace("It arrived on Monday at 5 pm.\n", "")).count == 5


def test_empty_text_is_worse_than_any_draft() -> None:
    assert judge(PROMPT, "").count == judge(PROMPT, " \n\n").count == 18


def test_an_invented_sentence_is_a_fault() -> None:
    assert faults(GOOD + "\nThe cat sat on the mat.") == [("invented", "")]


def test_long_garbage_counts_more_than_short_garbage() -> None:
    assert judge(PROMPT, GOOD + "\n" + "word " * 80).count == 10


def test_lines_in_another_order_are_a_fault() -> None:
    first, *others = GOOD.split("\n")
    assert faults("\n".join([*others, first])) == [("order", "")]


def test_two_sentences_on_one_line_are_a_fault() -> None:
    assert judge(PROMPT, GOOD.replace("\n", " ")).count > 5


def test_extra_words_in_a_sentence_are_faults() -> None:
    assert faults(GOOD.replace("grateful", "very very grateful")) == [("spelling", "one")] * 2


def test_white_space_around_lines_does_not_matter() -> None:
    assert faults(GOOD.replace("\n", "  \n\n ") + "\n") == []


def test_a_fault_says_what_should_stand_there() -> None:
    assert judge(PROMPT, GOOD.replace("green", "red")).faults == (
        Fault("thing", "one", "colour", "green", "red"),
    )


def test_the_text_with_fewer_faults_wins() -> None:
    worse = GOOD.replace("green", "red")
    assert compare(PROMPT, GOOD, worse) == "first"
    assert compare(PROMPT, worse, GOOD) == "second"
    assert compare(PROMPT, worse, GOOD.replace("Karin", "Otto")) == "tie"


def test_a_foreign_prompt_is_refused() -> None:
    with pytest.raises(ValueError, match="not a prompt of the demo domain"):
        judge("Say hello.", "Hello.")


@given(st.text())
def test_any_text_can_be_judged_and_only_the_message_itself_is_faultless(text: str) -> None:
    judgement = judge(PROMPT, text)
    assert judgement.count >= len(ROLES) or any(line.role for line in judgement.lines)


@given(SEEDS, st.data())
def test_dropping_a_line_never_helps_save_for_a_repeated_one(
    seed: int, data: st.DataObject
) -> None:
    draft = draw_draft(Random(seed), WordSource())
    lines = draft.response.split("\n")
    place = data.draw(st.integers(0, len(lines) - 1))
    left = judge(draft.prompt, "\n".join(lines[:place] + lines[place + 1 :]))
    before = judge(draft.prompt, draft.response)
    assert left.count >= before.count or lines.count(lines[place]) > 1


@given(
    SEEDS, st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1)
)
def test_adding_a_line_to_a_good_message_always_costs(seed: int, line: str) -> None:
    rng = Random(seed)
    facts = WordSource().facts(rng)
    assert judge(facts.prompt(), f"{write(facts, rng)}\n{line}").count >= 1


@given(SEEDS, st.data())
def test_dropping_a_word_of_a_good_message_always_costs(seed: int, data: st.DataObject) -> None:
    rng = Random(seed)
    facts = WordSource().facts(rng)
    words = write(facts, rng).split(" ")
    place = data.draw(st.integers(0, len(words) - 1))
    assert judge(facts.prompt(), " ".join(words[:place] + words[place + 1 :])).count >= 1
