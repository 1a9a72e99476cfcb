"""The formats of rows: recognised if that is safe, and read as published."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from revloop.errors import InputError
from revloop.rows import read_rows
from revloop.rows.naming import value_at
from tests.helpers.record_samples import write_jsonl
from tests.helpers.row_samples import TURNS, good, good_and_bad

if TYPE_CHECKING:
    from pathlib import Path

ALPACA = {"instruction": "Why?", "output": "So.", "generator": "tiny", "dataset": "vicuna"}
CHAT = {"messages": [*TURNS, {"role": "assistant", "content": "Eleven."}], "weight": 1}
SHAREGPT = {
    "id": "abc_0",
    "conversations": [
        {"from": "human", "value": "Name a prime."},
        {"from": "gpt", "value": "Seven."},
        {"from": "human", "value": "And one above ten?"},
        {"from": "gpt", "value": "Eleven."},
        {"from": "human", "value": "Thanks."},
    ],
}


def one(folder: Path, row: dict[str, Any], form: str = "auto") -> Any:
    (item,) = read_rows(write_jsonl(folder / "rows.jsonl", [row]), format_name=form)
    return item


class TestAlpacaEval:
    def test_an_array_of_outputs_is_recognised(self, tmp_path: Path) -> None:
        path = tmp_path / "model_outputs.json"
        path.write_text(json.dumps([ALPACA, {**ALPACA, "instruction": "How?"}], indent=2))
        first, second = good(path)
        assert (first.number, second.number) == (1, 2)
        assert (first.draft.prompt, first.draft.response) == ("Why?", "So.")
        assert first.rest == {"generator": "tiny", "dataset": "vicuna"}
        assert first.draft.id == first.draft.content_digest

    def test_it_is_read_from_lines_too(self, tmp_path: Path) -> None:
        assert one(tmp_path, ALPACA).draft.prompt == "Why?"

    def test_alpacas_training_data_looks_alike_and_is_not_taken_for_it(
        self, tmp_path: Path
    ) -> None:
        row = {"instruction": "Add.", "input": "2 and 2", "output": "4"}
        with pytest.raises(
            InputError, match=r"no 'response'.*--format alpaca or --format alpaca-e"
        ):
            one(tmp_path, row)

    @pytest.mark.parametrize("change", [{"output": None}, {"output": ""}, {"instruction": 5}])
    def test_a_bad_output_is_rejected(self, tmp_path: Path, change: dict[str, Any]) -> None:
        assert one(tmp_path, {**ALPACA, **change}).reason

    def test_a_bad_element_costs_no_other(self, tmp_path: Path) -> None:
        path = tmp_path / "outputs.json"
        surrogate = json.dumps({**ALPACA, "output": "\ud800"})
        path.write_text(f"[{json.dumps(ALPACA)}, 5, {surrogate}, {json.dumps(ALPACA)}]")
        rows, bad = good_and_bad(path)
        assert ([row.number for row in rows], [row.number for row in bad]) == ([1, 4], [2, 3])
        assert "lone surrogate" in bad[1].reason


class TestOpenAiChat:
    def test_the_last_answer_is_the_response(self, tmp_path: Path) -> None:
        row = one(tmp_path, CHAT)
        assert row.draft.response == "Eleven."
        assert [turn.model_dump() for turn in row.draft.messages] == TURNS
        assert row.rest == {"weight": 1}

    def test_a_single_question_becomes_a_prompt(self, tmp_path: Path) -> None:
        row = one(tmp_path, {"messages": CHAT["messages"][2:]})  # type: ignore[index] # a list
        assert (row.draft.prompt, row.draft.messages) == ("And one above ten?", None)

    def test_an_answer_to_nothing_has_no_prompt(self, tmp_path: Path) -> None:
        row = one(tmp_path, {"messages": [{"role": "assistant", "content": "Hello."}]})
        assert row.draft.conversation == ()

    def test_the_developer_speaks_for_the_system(self, tmp_path: Path) -> None:
        said = {"role": "developer", "content": "Be short."}
        row = one(tmp_path, {"messages": [said, *CHAT["messages"]]})  # type: ignore[misc] # a list
        assert row.draft.messages[0].role == "system"

    def test_parts_of_text_are_joined(self, tmp_path: Path) -> None:
        parts = [{"type": "text", "text": "Good "}, {"type": "text", "text": "day."}]
        row = one(tmp_path, {"messages": [{"role": "assistant", "content": parts}]})
        assert row.draft.response == "Good day."

    @pytest.mark.parametrize(
        ("messages", "reason"),
        [
            (TURNS, "the last one is not the assistant's"),
            ([], "a list of turns"),
            ("text", "a list of turns"),
            (["text"], "a turn should be an object"),
            ([{"role": "tool", "content": "4"}], "a turn has the unknown role 'tool'"),
            ([{"role": "assistant", "content": None}], "something other than text"),
            ([{"role": "assistant", "content": [{"type": "image_url"}]}], "other than text"),
            ([{"role": "assistant", "content": ""}], "the response is empty"),
        ],
    )
    def test_what_it_does_not_allow_is_rejected(
        self, tmp_path: Path, messages: object, reason: str
    ) -> None:
        path = write_jsonl(tmp_path / "rows.jsonl", [CHAT, {"messages": messages}])
        (row,), (bad,) = good_and_bad(path)
        assert (row.number, bad.number) == (1, 2)
        assert reason in bad.reason

    def test_messages_beside_a_response_are_a_row_of_ours(self, tmp_path: Path) -> None:
        row = one(tmp_path, {**CHAT, "response": "Thirteen."})
        assert (row.draft.response, len(row.draft.messages)) == ("Thirteen.", 4)


class TestShareGpt:
    def test_the_last_turn_of_the_model_is_the_response(self, tmp_path: Path) -> None:
        row = one(tmp_path, SHAREGPT)
        assert (row.draft.id, row.draft.response) == ("abc_0", "Eleven.")
        assert [turn.model_dump() for turn in row.draft.messages] == TURNS
        assert row.rest == {"later_turns": [{"from": "human", "value": "Thanks."}]}

    def test_an_array_is_read_too(self, tmp_path: Path) -> None:
        path = tmp_path / "sharegpt.json"
        path.write_text(json.dumps([SHAREGPT]))
        assert good(path)[0].draft.response == "Eleven."

    @pytest.mark.parametrize(
        ("turns", "reason"),
        [
            (SHAREGPT["conversations"][:1], "no turn of the assistant"),
            ([{"from": "function_call", "value": "{}"}], "unknown role 'function_call'"),
            ([{"from": "gpt", "value": 5}], "something other than text"),
            (None, "a list of turns"),
        ],
    )
    def test_what_it_does_not_allow_is_rejected(
        self, tmp_path: Path, turns: object, reason: str
    ) -> None:
        assert reason in one(tmp_path, {"conversations": turns}, "sharegpt").reason


def test_a_form_that_is_named_is_not_guessed(tmp_path: Path) -> None:
    row = one(tmp_path, {**ALPACA, "response": "Not this."}, "alpaca-eval")
    assert (row.draft.response, row.rest["response"]) == ("So.", "Not this.")


def test_a_row_with_a_response_is_of_our_form_whatever_else_it_has(tmp_path: Path) -> None:
    row = one(tmp_path, {**ALPACA, "response": "This."})
    assert (row.draft.response, row.rest) == ("This.", ALPACA)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", 1),
        ("b.c", 2),
        ("d.1.e", 3),
        ("b", {"c": 2}),
        ("x", None),
        ("a.b", None),
        ("d.9", None),
        ("d.-1.e", 3),
        ("d.-2", 0),
        ("d.-3", None),
        ("d.x", None),
        ("d.--1", None),
    ],
)
def test_a_path_finds_what_is_there(path: str, expected: object) -> None:
    assert value_at({"a": 1, "b": {"c": 2}, "d": [0, {"e": 3}]}, path) == expected
