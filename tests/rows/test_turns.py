"""Turns as people have them: null keys, parts, developer roles, extra fields."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from revloop import Draft, Message
from revloop.errors import InputError
from revloop.rows import open_output
from revloop.trajectory import as_draft
from tests.helpers.row_samples import file_of, good, good_and_bad, line_of, trajectory_of

if TYPE_CHECKING:
    from pathlib import Path


def turns_of(draft: Draft) -> list[dict[str, Any]]:
    return [turn.model_dump() for turn in draft.messages or ()]


def read(folder: Path, **fields: Any) -> Draft:
    (row,) = good(file_of(folder, line_of(response="So.", **fields)))
    return row.draft


def test_null_keys_of_a_turn_count_as_not_given(tmp_path: Path) -> None:
    turn = {"role": "user", "content": "Why?", "name": None, "tool_calls": None, "weight": None}
    assert turns_of(read(tmp_path, messages=[turn])) == [{"role": "user", "content": "Why?"}]


def test_a_developer_is_read_as_the_system() -> None:
    draft = as_draft("So.", prompt=[{"role": "developer", "content": "Be short."}])
    assert draft.conversation == (Message(role="system", content="Be short."),)


def test_parts_of_text_are_joined_without_anything_between(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "Why "}, {"type": "input_text", "text": "me?"}, " Now?"]
    draft = read(tmp_path, messages=[{"role": "user", "content": parts}])
    assert turns_of(draft) == [{"role": "user", "content": "Why me? Now?"}]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:,"}},
        {"type": "image_url", "image_url": {"url": "data:,"}, "text": "a cat"},
        {"type": "text", "text": None},
        7,
    ],
)
def test_a_part_that_is_not_text_rejects_the_row_and_says_so(tmp_path: Path, part: object) -> None:
    content = [{"type": "text", "text": "What is this?"}, part]
    lines = [line_of(response="So."), line_of(response="So.", messages=[turn(content)])]
    (_,), (bad,) = good_and_bad(file_of(tmp_path, *lines))
    assert bad.reason.startswith("messages.0: contains something other than text")
    assert ("image_url" in bad.reason) == ("image_url" in str(part))


def turn(content: object) -> dict[str, Any]:
    return {"role": "user", "content": content}


def test_a_prompt_that_is_a_list_of_turns_is_a_conversation(tmp_path: Path) -> None:
    assert turns_of(read(tmp_path, prompt=[turn("Why?")])) == [turn("Why?")]
    assert turns_of(as_draft({"prompt": [turn("Why?")], "response": "So."})) == [turn("Why?")]


@pytest.mark.parametrize("final_only", [False, True])
def test_fields_of_turns_are_carried_through(tmp_path: Path, final_only: bool) -> None:
    messages = [
        {"role": "system", "content": "Be kind.", "name": "desk"},
        {"role": "user", "content": "Why?", "weight": 0, "tool_calls": [{"id": "a", "args": {}}]},
    ]
    with open_output(tmp_path / "out.jsonl", final_only=final_only) as out:
        out.write(trajectory_of(read(tmp_path, messages=messages)))
    written = json.loads((tmp_path / "out.jsonl").read_text())
    assert (written if final_only else written["draft"])["messages"] == messages


def test_parquet_has_the_fields_of_turns_in_its_extra(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    messages = [{**turn("Why?"), "name": "Ada"}, turn("Well?")]
    with open_output(tmp_path / "out.parquet") as out:
        out.write(trajectory_of(read(tmp_path, messages=messages)).with_extra({"n": 1}))
    (row,) = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert row["messages"] == [turn("Why?"), turn("Well?")]
    assert json.loads(row["extra"]) == {"n": 1, "turn_fields": [{"name": "Ada"}, None]}


def test_other_fields_of_a_turn_make_other_content() -> None:
    plain = as_draft("So.", prompt=[turn("Why?")])
    named = as_draft("So.", prompt=[{**turn("Why?"), "name": "Ada"}])
    assert plain.content_digest != named.content_digest


def test_a_field_of_a_turn_that_json_cannot_carry_is_refused() -> None:
    with pytest.raises(InputError, match=r"messages\.0: contains .* JSON cannot express"):
        as_draft("So.", prompt=[{**turn("Why?"), "at": object()}])
