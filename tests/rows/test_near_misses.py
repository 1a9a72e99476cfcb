"""A misspelt field is refused with the name that was meant; other names go through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from revloop import Message
from revloop.errors import InputError
from revloop.trajectory import as_draft
from tests.helpers.row_samples import file_of, good_and_bad, line_of

if TYPE_CHECKING:
    from pathlib import Path

MISSPELT = [
    ({"response": "So.", "promt": "Why?"}, "promt", "prompt"),
    ({"response": "So.", "Prompt": "Why?"}, "Prompt", "prompt"),
    ({"response": "So.", "porpmt": "Why?"}, "porpmt", "prompt"),
    ({"response": "So.", "prompts": "Why?"}, "prompts", "prompt"),
    ({"response": "So.", "message": [{"role": "user", "content": "Why?"}]}, "message", "messages"),
    ({"response": "So.", "Messages": []}, "Messages", "messages"),
    ({"prompt": "Why?", "Response": "So."}, "Response", "response"),
    ({"prompt": "Why?", "respnse": "So."}, "respnse", "response"),
    ({"prompt": "Why?", "reponse ": "So."}, "reponse ", "response"),
]
EVERY_MISSPELLING = pytest.mark.parametrize(
    ("row", "name", "meant"), MISSPELT, ids=[name for _, name, _ in MISSPELT]
)
OTHER_NAMES = [
    {"prompt": "Why?", "promt": "Mine.", "prompts": [], "message": "Mine."},
    {"messages": [{"role": "user", "content": "Why?"}], "prompts": ["Why?", "How?"]},
    {"prompt": None, "prompts": ["Why?", "How?"]},
    {"prompt_id": 7, "promptId": 7, "response_id": 8, "reference_response": "Mine."},
    {"responses": ["So.", "Thus."], "Response": "Mine."},
    {"topic": "hello", "comment": "Mine.", "report": "Mine.", "massage": "Mine.", "ID": 1},
]


@EVERY_MISSPELLING
def test_python_refuses_a_misspelt_field_and_names_the_one_that_was_meant(
    row: dict[str, Any], name: str, meant: str
) -> None:
    with pytest.raises(InputError, match=f"'{name}' is not a field .* '{meant}' is missing"):
        as_draft(row)


@EVERY_MISSPELLING
def test_a_row_with_a_misspelt_field_is_rejected_for_that_reason(
    tmp_path: Path, row: dict[str, Any], name: str, meant: str
) -> None:
    good_row = line_of(prompt="Why?", response="So.")
    (_,), (bad,) = good_and_bad(file_of(tmp_path, good_row, line_of(**row)))
    assert bad.number == 2
    assert bad.reason.startswith(f"'{name}' is not a field of a draft, and '{meant}' is missing")


@pytest.mark.parametrize("fields", OTHER_NAMES, ids=lambda fields: next(iter(fields)))
def test_other_names_go_through(tmp_path: Path, fields: dict[str, Any]) -> None:
    row = {"response": "So.", **fields}
    other = {name: value for name, value in fields.items() if name not in {"prompt", "messages"}}
    assert as_draft(row).extra == other
    (read,), bad = good_and_bad(file_of(tmp_path, line_of(**row)))
    assert (read.rest, bad) == (other, [])


def test_a_prompt_given_beside_the_mapping_counts() -> None:
    assert as_draft({"response": "So.", "prompts": 2}, prompt="Why?").extra == {"prompts": 2}
    turns = [Message(role="user", content="Why?")]
    assert as_draft({"response": "So.", "promt": 2}, prompt=turns).extra == {"promt": 2}


def test_a_name_in_extra_is_never_misspelt() -> None:
    assert as_draft({"response": "So.", "extra": {"promt": 2}}).extra == {"promt": 2}
