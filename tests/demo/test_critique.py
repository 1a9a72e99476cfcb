"""The true critique, the corrected response, and the check of any critique's statements."""

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.demo.critique import correct, score_of, write_critique
from revloop.demo.judge import judge
from revloop.demo.messages import Facts, WordSource, draw_draft
from revloop.demo.truth import check, parse

FACTS = Facts("thank-you note", "Karin", "green", "lamp", "Monday", "5 pm")
PROMPT = FACTS.prompt()
GOOD = (
    "Dear Karin,\nI am grateful for the green lamp.\nIt arrived on Monday at 5 pm.\n"
    "It is a wonderful present.\nWith best wishes."
)
SPOILT = (
    "Dear Otto\nI am gratful for the red lamp.\nit arrived on Monday at 6 pm.\n"
    "It is a wonderful present.\nIt is a wonderful present."
)
SEEDS = st.integers(0, 2**32)
SOURCE = WordSource(made_up=0.3, near=0.1)


def test_the_critique_of_a_good_message_finds_nothing_to_mend() -> None:
    critique = write_critique(PROMPT, GOOD)
    assert critique.score == 10
    assert critique.negative == "None."
    assert "fault" not in critique.reading


def test_the_critique_walks_through_the_lines_and_numbers_the_faults() -> None:
    assert write_critique(PROMPT, SPOILT).text() == (
        "Greeting:\nDear Otto (want Karin, fault 1) (want comma, fault 2)\n"
        "One:\nI am gratful (want grateful, fault 3) for the red (want green, fault 4) "
        "lamp (want lamp, right). (once, right)\n"
        "Two:\nit (want It, fault 5) arrived on Monday (want Monday, right) "
        "at 6 pm (want 5 pm, fault 6). (once, right)\n"
        "Three:\nIt is a wonderful present. (twice, fault 7)\n"
        "Closing:\n(missing, fault 8)\n"
        "Overall score: 1\n"
        "Positive aspects: Right are thing, day.\n"
        "Negative aspects: 1. The name should be Karin, not Otto. "
        "2. The greeting should end with a comma. "
        "3. The word gratful should be grateful. 4. The colour should be green, not red. "
        "5. Line two should begin with It, not it. 6. The time should be 5 pm, not 6 pm. "
        "7. Line three is said twice. 8. The closing is missing."
    )


def test_the_score_falls_with_each_fault_and_stays_on_the_scale() -> None:
    scores = [score_of(faults) for faults in range(12)]
    assert scores[0] == 10
    assert scores == sorted(scores, reverse=True)
    assert min(scores) == 1


@given(SEEDS)
def test_the_corrected_response_has_no_fault(seed: int) -> None:
    draft = draw_draft(Random(seed), SOURCE)
    assert judge(draft.prompt, correct(draft.prompt, draft.response)).faults == ()


@given(SEEDS)
def test_a_good_response_is_corrected_into_itself(seed: int) -> None:
    draft = draw_draft(Random(seed), SOURCE)
    good = correct(draft.prompt, draft.response)
    assert correct(draft.prompt, good) == good


@given(st.text())
def test_any_text_can_be_criticised_and_corrected(text: str) -> None:
    assert parse(write_critique(PROMPT, text).text()) is not None
    assert judge(PROMPT, correct(PROMPT, text)).faults == ()


@given(SEEDS)
def test_every_statement_of_a_true_critique_is_true(seed: int) -> None:
    draft = draw_draft(Random(seed), SOURCE)
    statements = check(
        draft.prompt, draft.response, write_critique(draft.prompt, draft.response).text()
    )
    assert len(statements) > 10
    assert [statement for statement in statements if not statement.is_true] == []


@given(SEEDS)
def test_a_true_critique_names_every_fault(seed: int) -> None:
    draft = draw_draft(Random(seed), SOURCE)
    negative = write_critique(draft.prompt, draft.response).negative
    faults = judge(draft.prompt, draft.response).count
    assert len(re.findall(r"(?:^|\. )\d+\. ", negative)) == faults


@pytest.mark.parametrize(
    ("said", "instead", "kind"),
    [
        ("Otto (want Karin, fault 1)", "Otto (want Karin, right)", "name"),
        ("lamp (want lamp, right)", "lamp (want lamb, fault 5)", "spelling"),
        ("Monday (want Monday, right)", "Monday (want Monday, fault 5)", "time"),
        ("(twice, fault 7)", "(once, right)", "repeated"),
        ("(missing, fault 8)", "With love.", "quote"),
        ("score: 1", "score: 9", "score"),
        ("Right are thing", "Right are name, thing", "name"),
        ("not red.", "not blue.", "thing"),
        ("a comma", "a stop", "mechanics"),
        (
            "The closing is missing.",
            "The closing is missing. 9. The closing is missing.",
            "closing",
        ),
    ],
)
def test_a_false_statement_is_told_from_the_true_ones(said: str, instead: str, kind: str) -> None:
    critique = write_critique(PROMPT, SPOILT).text()
    assert said in critique
    false = [s for s in check(PROMPT, SPOILT, critique.replace(said, instead, 1)) if not s.is_true]
    assert [statement.kind for statement in false] == [kind]


@pytest.mark.parametrize(
    "critique",
    ["", "Overall score: 3", "Negative aspects: x\nPositive aspects: y\nOverall score: 3"],
)
def test_a_critique_without_its_labels_in_order_is_not_parsed(critique: str) -> None:
    assert parse(critique) is None
    assert check(PROMPT, GOOD, critique) == []


@given(st.text(), st.text())
def test_the_check_survives_any_critique(critique: str, response: str) -> None:
    labels = ("Overall score", "Positive aspects", "Negative aspects")
    framed = "\n".join([critique, *(f"{label}: {critique}" for label in labels)])
    check(PROMPT, response, framed)
    check(PROMPT, response, critique)
