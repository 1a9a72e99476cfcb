"""The record: what it must have, what it may leave out, and what it can teach."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from revloop.records import Lesson, Record
from tests.helpers.record_samples import BOTTLES, TURNS, record

words = st.text(min_size=1, max_size=30).filter(lambda text: bool(text.strip()))


def test_the_papers_record_teaches_both() -> None:
    assert record().lesson is Lesson.BOTH


def test_a_record_goes_to_json_and_back() -> None:
    assert Record.model_validate_json(record().model_dump_json(exclude_defaults=True)) == record()


@given(words, words, words)
def test_any_text_goes_to_json_and_back(prompt: str, critique: str, revision: str) -> None:
    made = Record(prompt=prompt, response="r", critique=critique, revision=revision)
    assert Record.model_validate_json(made.model_dump_json(exclude_defaults=True)) == made


@pytest.mark.parametrize(
    ("gone", "lesson"),
    [
        (("revision",), Lesson.CRITIQUE),
        (("positive", "negative"), Lesson.REVISION),
        (("positive",), Lesson.BOTH),
        (("negative",), Lesson.BOTH),
        (("prompt", "score"), Lesson.BOTH),
    ],
)
def test_what_is_there_decides_what_it_teaches(gone: tuple[str, ...], lesson: Lesson) -> None:
    assert record(**dict.fromkeys(gone)).lesson is lesson


def test_a_free_critique_stands_for_the_aspects() -> None:
    free = record(positive=None, negative=None, score=None, critique="Not so.")
    assert free.lesson is Lesson.BOTH


def test_a_blank_critique_is_none() -> None:
    assert record(positive=" ", negative="", critique="\n").lesson is Lesson.REVISION


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"response": None}, r"response\n  Field required"),
        ({"response": " \n"}, "the response is empty"),
        ({"revision": " "}, "the revision is empty"),
        ({"revision": None, "positive": None, "negative": None}, "nothing to learn"),
        ({"messages": TURNS}, "not both"),
        ({"prompt": None, "messages": []}, "messages"),
        ({"score": "good"}, "score"),
        ({"score": True}, "is true, not a number"),
        ({"score": float("nan")}, "score"),
        ({"score": float("inf")}, "score"),
        ({"negatve": "Dull."}, "negatve"),
        ({"response": "\ud800"}, "lone surrogate"),
    ],
)
def test_a_record_that_is_of_no_use_is_refused(changes: dict[str, Any], words: str) -> None:
    fields = {name: value for name, value in {**BOTTLES, **changes}.items() if value is not None}
    with pytest.raises(ValidationError, match=words):
        Record.model_validate(fields)


def test_a_record_without_an_id_is_named_by_its_content() -> None:
    one, same, other = record(id=None), record(id=None), record(id=None, score=5)
    assert one.id == same.id != other.id


def test_a_number_may_be_an_id() -> None:
    assert record(id=7).id == "7"


def test_ids_sources_and_white_space_do_not_make_another_record() -> None:
    spaced = str(BOTTLES["revision"]).replace(" ", "  ") + "\n"
    other = record(id="x", source="y", revision=spaced, extra={"z": 1})
    assert other.content_digest == record().content_digest


def test_a_prompt_and_the_same_as_one_message_are_one_record() -> None:
    turn = [{"role": "user", "content": BOTTLES["prompt"]}]
    assert record(prompt=None, messages=turn).content_digest == record().content_digest


@pytest.mark.parametrize("field", ["response", "score", "positive", "negative", "revision"])
def test_other_content_makes_another_record(field: str) -> None:
    changed = record(**{field: 5 if field == "score" else "Something else."})
    assert changed.content_digest != record().content_digest


def test_the_draft_is_what_the_loop_takes() -> None:
    draft = record(prompt=None, messages=TURNS).draft
    assert (draft.id, draft.response) == ("bottles", BOTTLES["response"])
    assert [turn.role for turn in draft.conversation] == ["user", "assistant", "user"]
