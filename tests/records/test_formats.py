"""Records from public formats: what each row becomes, and what a bad row costs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.errors import InputError
from revloop.records import (
    FORMATS,
    Finding,
    FindingKind,
    Lesson,
    Record,
    RecordEntry,
    RecordRow,
    import_records,
)
from tests.helpers.record_samples import ROWS, TURNS


def imported(name: str, **changes: Any) -> list[RecordEntry | Finding]:
    row = {k: v for k, v in {**ROWS[name], **changes}.items() if v is not ...}
    return list(import_records(name, [RecordRow(3, row)]))


def records(name: str, **changes: Any) -> list[Record]:
    found = imported(name, **changes)
    assert all(isinstance(item, RecordEntry) for item in found), found
    return [item.record for item in found if isinstance(item, RecordEntry)]


def test_every_format_has_a_sample_and_a_source() -> None:
    assert set(FORMATS) == set(ROWS)
    assert all(known.name == name and known.source for name, known in FORMATS.items())


@pytest.mark.parametrize(
    ("name", "lessons"),
    [
        ("helpsteer3-edit", [Lesson.BOTH]),
        ("helpsteer3-edit-quality", [Lesson.BOTH]),
        ("helpsteer3-feedback", [Lesson.CRITIQUE] * 3),
        ("aligner", [Lesson.REVISION]),
        ("ultrafeedback", [Lesson.CRITIQUE] * 2),
        ("shepherd", [Lesson.CRITIQUE]),
        ("rich-feedback-reasoning", [Lesson.BOTH]),
        ("constitutional-ai", [Lesson.BOTH]),
        ("sygra", [Lesson.BOTH, Lesson.CRITIQUE]),
    ],
)
def test_records_are_kept_for_what_they_can_teach(name: str, lessons: list[Lesson]) -> None:
    found = records(name)
    assert [record.lesson for record in found] == lessons
    assert {record.source for record in found} == {name}
    assert len({record.id for record in found}) == len(found)


def test_an_edit_answers_all_of_its_feedback() -> None:
    (record,) = records("helpsteer3-edit")
    assert record.messages is not None
    assert [turn.model_dump() for turn in record.messages] == TURNS
    assert record.critique == "The response is not helpful. Twelve is even.\n\nTwelve has divisors."
    assert (record.response, record.revision) == ("Twelve is one.", "Eleven is one.")
    assert record.extra == {"domain": "stem", "language": "english"}


def test_an_edit_without_feedback_teaches_the_revision() -> None:
    (record,) = records("helpsteer3-edit", feedback=[" "])
    assert record.lesson is Lesson.REVISION


def test_the_good_edit_is_learnt_from_and_the_bad_one_is_not() -> None:
    (record,) = records("helpsteer3-edit-quality")
    assert record.revision == "Eleven is one."
    assert "Nine" not in record.model_dump_json()


def test_each_persons_feedback_is_a_critique_of_its_response() -> None:
    said = [(record.response, record.critique) for record in records("helpsteer3-feedback")]
    assert said == [
        ("Twelve.", "The response is not helpful."),
        ("Twelve.", "Twelve is even."),
        ("Eleven.", "The response is perfectly helpful."),
    ]


def test_a_correction_without_a_critique_is_a_revision() -> None:
    (record,) = records("aligner")
    assert (record.prompt, record.response, record.revision) == ("Two and two?", "Five.", "Four.")


def test_scores_that_are_no_numbers_do_not_cost_the_critique() -> None:
    assert [(r.score, r.extra["model"]) for r in records("ultrafeedback")] == [
        (2, "a"),
        (None, "b"),
    ]


def test_an_id_of_the_data_set_is_kept() -> None:
    assert [record.id for record in records("shepherd")] == ["17"]
    assert len(records("shepherd", id=...)) == 1


def test_reasons_that_are_given_make_the_critique() -> None:
    (record,) = records("rich-feedback-reasoning")
    assert record.critique == "Penguins cannot fly.\n\nThe moon is beyond the air."
    assert record.extra == {"error_types": ["FE"]}


def test_the_recipes_own_requests_are_left_out() -> None:
    (record,) = records("constitutional-ai")
    assert record.critique == "It tells to break things."
    assert "Find the harm" not in record.model_dump_json()


def test_a_candidate_is_revised_by_the_next_one() -> None:
    first, last = records("sygra")
    assert (first.prompt, first.response, first.revision) == ("Two and two?", "Five.", "Four.")
    assert (first.critique, first.score, first.extra["score"]) == ("Count again.", None, 2)
    assert (last.response, last.revision, last.critique) == ("Four.", None, "Right.")


def test_a_task_may_have_kept_no_prompt() -> None:
    assert {record.prompt for record in records("sygra", prompt=...)} == {None}


@pytest.mark.parametrize(
    ("name", "changes", "kind", "word"),
    [
        ("aligner", {"correction": ...}, FindingKind.MISSING_FIELD, "correction"),
        ("aligner", {"answer": 5}, FindingKind.INVALID_FIELD, "answer"),
        ("aligner", {"correction": " "}, FindingKind.EMPTY_REVISION, "revision is empty"),
        ("helpsteer3-edit", {"context": []}, FindingKind.INVALID_FIELD, "context"),
        ("helpsteer3-edit", {"context": "Hi"}, FindingKind.INVALID_FIELD, "context"),
        (
            "helpsteer3-edit",
            {"context": [{"role": "tool", "content": "x"}]},
            FindingKind.INVALID_FIELD,
            "messages.0.role",
        ),
        (
            "helpsteer3-feedback",
            {"feedback1": [], "feedback2": []},
            FindingKind.MISSING_FIELD,
            "nothing to learn",
        ),
        ("shepherd", {"feedback": ""}, FindingKind.MISSING_FIELD, "nothing to learn"),
        ("ultrafeedback", {"completions": []}, FindingKind.MISSING_FIELD, "nothing to learn"),
        ("sygra", {"reflection_trajectory": []}, FindingKind.INVALID_FIELD, "reflection"),
        ("constitutional-ai", {"critic_response": ...}, FindingKind.MISSING_FIELD, "critic"),
        ("rich-feedback-reasoning", {"Original": ...}, FindingKind.MISSING_FIELD, "Original"),
    ],
)
def test_a_misshapen_row_becomes_a_finding(
    name: str, changes: dict[str, Any], kind: FindingKind, word: str
) -> None:
    (found,) = imported(name, **changes)
    assert isinstance(found, Finding)
    assert (found.line, found.kind) == (3, kind)
    assert word in found.reason


@pytest.mark.parametrize("bad", [None, 7, {}, {"response": "So."}])
def test_a_bad_completion_does_not_cost_the_good_ones(bad: object) -> None:
    good = ROWS["ultrafeedback"]["completions"][0]
    found = imported("ultrafeedback", completions=[bad, good])
    assert [type(item) for item in found] == [Finding, RecordEntry]


def test_a_bad_candidate_does_not_cost_the_good_ones() -> None:
    good = ROWS["sygra"]["reflection_trajectory"]
    found = imported("sygra", reflection_trajectory=[good[0], None, good[1]])
    assert [type(item) for item in found] == [RecordEntry, Finding, RecordEntry]


def test_findings_of_the_reader_pass_through() -> None:
    finding = Finding(line=1, kind=FindingKind.UNREADABLE, reason="not JSON")
    assert list(import_records("aligner", [finding])) == [finding]


def test_a_format_that_is_not_known_is_named_with_those_that_are() -> None:
    with pytest.raises(InputError, match=r"no format 'alinger'.*aligner"):
        list(import_records("alinger", []))


ANY_LETTERS = st.text(st.characters(), max_size=5)  # lone surrogates too, as JSON allows
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_LETTERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_LETTERS, inner, max_size=3),
    max_leaves=5,
)


@given(st.data(), st.sampled_from(sorted(ROWS)))
def test_no_row_whatsoever_is_an_exception(data: st.DataObject, name: str) -> None:
    field = data.draw(st.sampled_from(sorted(ROWS[name])))
    found = imported(name, **{field: data.draw(json_values)})
    assert found
    assert all(item.line == 3 for item in found)
    for item in found:
        made = item if isinstance(item, Finding) else item.record
        again = type(made).model_validate_json(made.model_dump_json())
        assert again.model_dump_json() == made.model_dump_json()
