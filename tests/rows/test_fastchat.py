"""FastChat's answers, old and new, joined with their questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from revloop.errors import InputError
from revloop.rows import read_rows
from tests.helpers.record_samples import write_jsonl
from tests.helpers.row_samples import good, good_and_bad

if TYPE_CHECKING:
    from pathlib import Path

QUESTIONS = [
    {"question_id": 1, "text": "Why is the sky blue?", "category": "generic"},
    {"question_id": 2, "text": "Who are you?", "category": "roleplay"},
]
ANSWERS = [
    {"question_id": 2, "text": "A program.", "model_id": "tiny", "answer_id": "x", "metadata": {}},
    {"question_id": 1, "text": "It scatters.", "model_id": "tiny", "answer_id": "y"},
]
TWO_TURNS = {"question_id": 81, "category": "writing", "turns": ["Write.", "Now shorter."]}
ANSWERED = {
    "question_id": 81,
    "answer_id": "z",
    "model_id": "tiny",
    "choices": [{"index": 0, "turns": ["A long text.", "Short."]}, {"index": 1, "turns": ["No."]}],
    "tstamp": 1.5,
}


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """A file of answers one folder below its questions, as in FastChat's repository."""
    write_jsonl(tmp_path / "question.jsonl", [*QUESTIONS, TWO_TURNS])
    (tmp_path / "answer").mkdir()
    return write_jsonl(tmp_path / "answer" / "tiny.jsonl", ANSWERS)


def test_answers_are_joined_with_their_questions(answers: Path) -> None:
    first, second = good(answers)
    assert (first.draft.id, second.draft.id) == ("tiny-2", "tiny-1")
    assert (first.draft.prompt, first.draft.response) == ("Who are you?", "A program.")


def test_what_else_answer_and_question_say_is_kept(answers: Path) -> None:
    assert good(answers)[0].rest == {
        "question_id": 2,
        "category": "roleplay",
        "model_id": "tiny",
        "answer_id": "x",
        "metadata": {},
    }


def test_answers_of_two_turns_end_with_the_last_one(answers: Path) -> None:
    (row,) = good(write_jsonl(answers, [ANSWERED]))
    assert row.draft.response == "Short."
    assert [(turn.role, turn.content) for turn in row.draft.conversation] == [
        ("user", "Write."),
        ("assistant", "A long text."),
        ("user", "Now shorter."),
    ]
    assert row.rest["tstamp"] == 1.5
    assert "choices" not in row.rest


def test_a_question_may_be_answered_in_part(answers: Path) -> None:
    partly = {**ANSWERED, "choices": [{"index": 0, "turns": ["A long text."]}]}
    (row,) = good(write_jsonl(answers, [partly]))
    assert (row.draft.prompt, row.draft.response) == ("Write.", "A long text.")


def test_an_answer_without_a_model_is_named_by_its_question(answers: Path) -> None:
    (row,) = good(write_jsonl(answers, [{"question_id": 1, "text": "So.", "answer_id": "y"}]))
    assert row.draft.id == "1"


def test_the_questions_may_lie_in_the_same_folder(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "question.jsonl", QUESTIONS)
    assert len(good(write_jsonl(tmp_path / "tiny.jsonl", ANSWERS))) == 2


def test_the_questions_may_be_named(tmp_path: Path) -> None:
    questions = write_jsonl(tmp_path / "asked.jsonl", QUESTIONS)
    path = write_jsonl(tmp_path / "tiny.jsonl", ANSWERS)
    assert len(good(path, questions=questions)) == 2


def test_answers_without_questions_say_what_to_do(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "tiny.jsonl", ANSWERS)
    with pytest.raises(InputError, match=r"no question.jsonl beside it.*--questions"):
        list(read_rows(path))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        ("{\n", "line 1: not JSON"),
        ("\n[1]\n", "line 2: not a JSON object"),
        ('{"text": "Why?"}\n', "line 1: no question_id"),
    ],
)
def test_questions_that_cannot_be_used_say_where(
    answers: Path, content: str | None, words: str
) -> None:
    questions = answers.with_name("asked.jsonl")
    if content is not None:
        questions.write_text(content)
    with pytest.raises(InputError, match=rf"asked\.jsonl.*{words}"):
        list(read_rows(answers, questions=questions))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"question_id": 99, "text": "So."}, "there is no question '99'"),
        ({"text": "So."}, "there is no question 'None'"),
        ({"question_id": 1}, "the answer has no text"),
        ({"question_id": 1, "text": None}, "the answer has no text"),
        ({"question_id": 1, "text": " "}, "the response is empty"),
        ({"question_id": 1, "choices": [{"turns": []}]}, "the answer has no text"),
        ({"question_id": 1, "choices": [{"turns": [5]}]}, "the answer has no text"),
        ({"question_id": 1, "choices": [{"turns": ["a", "b"]}]}, "more turns than the question"),
    ],
)
def test_a_bad_answer_costs_only_itself(answers: Path, answer: dict[str, Any], reason: str) -> None:
    rows, (bad,) = good_and_bad(write_jsonl(answers, [ANSWERS[0], answer, ANSWERS[1]]))
    assert [row.number for row in rows] == [1, 3]
    assert reason in bad.reason
