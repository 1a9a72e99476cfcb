"""Rows in the shapes of public data sets, retold: each is read as its authors meant it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from revloop.errors import InputError
from revloop.rows import Row, open_output, read_rows
from tests.helpers.record_samples import write_jsonl
from tests.helpers.row_samples import good, good_and_bad, trajectory_of

if TYPE_CHECKING:
    from pathlib import Path

    from revloop import Draft

ASKED = {"role": "user", "content": "Name a prime."}
ANSWERED = {"role": "assistant", "content": "Sevn."}
NULLS = {"name": None, "tool_calls": None, "tool_call_id": None}
LMSYS = {
    "conversation_id": "c1",
    "model": "vicuna-13b",
    "conversation": [ASKED, ANSWERED],
    "turn": 1,
    "openai_moderation": [{"flagged": False, "category_scores": {"hate": 1.5e-05}}],
    "redacted": False,
}
WILDCHAT = {
    "conversation_hash": "h1",
    "conversation": [
        {**ASKED, "country": "Chile", "toxic": False, "header": {"user-agent": "x"}},
        {**ANSWERED, "country": None, "toxic": False, "turn_identifier": 9},
    ],
    "language": "English",
}
MAGPIE = {
    "uuid": "u1",
    "instruction": "Name a prime.",
    "response": "Sevn.",
    "conversations": [
        {"from": "human", "value": "Name a prime."},
        {"from": "gpt", "value": "Sevn."},
    ],
    "gen_input_configs": {"temperature": 1.0, "seed": None},
}
MAGPIE_BY_ROLE = {"uuid": "u1", "conversations": [ASKED, ANSWERED], "intent": "maths"}
DOLLY = {"instruction": "Name a prime.", "context": "", "response": "Sevn.", "category": "qa"}
TRL = {"prompt": "Name a prime.", "completion": "Sevn.", "label": True}
TRL_TURNS = {"prompt": [ASKED], "completion": [ANSWERED]}
HELPSTEER = {"prompt": "Name a prime.", "response": "Sevn.", "helpfulness": 2, "verbosity": 1}
ALPACA_EVAL = {"instruction": "Name a prime.", "output": "Sevn.", "generator": "tiny"}
PARQUET_CHAT = {"messages": [{**ASKED, **NULLS}, {**ANSWERED, **NULLS}]}

PLAINLY = {
    "LMSYS-Chat-1M": (LMSYS, "c1", {"conversation_id", "model", "turn", "redacted"}),
    "Magpie": (MAGPIE, None, {"uuid", "instruction", "gen_input_configs"}),
    "Magpie by role": (MAGPIE_BY_ROLE, None, {"uuid", "intent"}),
    "Dolly": (DOLLY, None, {"category"}),
    "TRL": (TRL, None, {"label"}),
    "HelpSteer": (HELPSTEER, None, {"helpfulness", "verbosity"}),
    "AlpacaEval": (ALPACA_EVAL, None, {"generator"}),
    "null keys": (PARQUET_CHAT, None, set()),
}


def one(folder: Path, row: dict[str, Any], **options: Any) -> Row:
    (read,) = good(write_jsonl(folder / "rows.jsonl", [row]), **options)
    return read


def said(draft: Draft) -> list[tuple[str, str]]:
    return [(turn.role, turn.content) for turn in draft.conversation]


@pytest.mark.parametrize(("row", "id_", "rest"), PLAINLY.values(), ids=PLAINLY)
def test_it_is_recognised_and_read_whole(
    tmp_path: Path, row: dict[str, Any], id_: str | None, rest: set[str]
) -> None:
    read = one(tmp_path, row)
    assert said(read.draft) == [("user", "Name a prime.")]
    assert read.draft.response == "Sevn."
    assert read.draft.id == (id_ or read.draft.content_digest)
    assert read.rest.keys() - {"openai_moderation"} == rest


def test_the_fields_of_wildchats_turns_are_carried_through(tmp_path: Path) -> None:
    read = one(tmp_path, WILDCHAT)
    (turn,) = read.draft.conversation
    assert turn.other_fields == {
        "country": "Chile",
        "toxic": False,
        "header": {"user-agent": "x"},
    }
    assert read.rest == {
        "conversation_hash": "h1",
        "language": "English",
        "response_fields": {"toxic": False, "turn_identifier": 9},
    }


def test_trls_turns_are_a_conversation(tmp_path: Path) -> None:
    read = one(tmp_path, TRL_TURNS)
    assert (said(read.draft), read.draft.response) == ([("user", "Name a prime.")], "Sevn.")


@pytest.mark.parametrize("prompt", ["Name a prime.", [ASKED], None])
def test_of_a_pair_the_response_that_was_named_is_read(tmp_path: Path, prompt: object) -> None:
    row = {"prompt": prompt, "chosen": [ASKED, ANSWERED], "rejected": [ASKED, ANSWERED]}
    read = one(tmp_path, row, fields={"response": "chosen"})
    assert (said(read.draft), read.draft.response) == ([("user", "Name a prime.")], "Sevn.")
    assert read.rest.keys() == {"rejected"}


class TestShareGpt:
    TURNS = (
        {"from": "human", "value": "Name a prime."},
        {"from": "gpt", "value": "Sevn.", "weight": 0},
        {"from": "human", "value": "Thanks.", "likes": 1.50},
        {"from": "human", "value": "Bye."},
    )

    def test_the_system_is_part_of_the_conversation(self, tmp_path: Path) -> None:
        row = {"conversations": self.TURNS, "system": "Count well.", "tools": ""}
        read = one(tmp_path, row)
        assert said(read.draft) == [("system", "Count well."), ("user", "Name a prime.")]
        assert read.draft.response == "Sevn."
        assert read.rest.keys() == {"tools", "later_turns", "response_fields"}

    def test_no_turn_and_no_field_of_one_is_lost_from_the_output(self, tmp_path: Path) -> None:
        read = one(tmp_path, {"conversations": self.TURNS, "system": ""})
        with open_output(tmp_path / "out.jsonl", final_only=True) as out:
            out.write(trajectory_of(read.draft).with_extra(read.rest))
        written = json.loads((tmp_path / "out.jsonl").read_text())
        assert written["later_turns"] == list(self.TURNS[2:])
        assert written["response_fields"] == {"weight": 0}
        assert written["system"] == ""

    def test_a_field_that_has_the_name_is_not_lost(self, tmp_path: Path) -> None:
        read = one(tmp_path, {"conversations": self.TURNS, "later_turns": 5})
        assert read.rest["later_turns"] == 5
        assert read.rest["later_turns_"] == list(self.TURNS[2:])


class TestArenaHard:
    QUESTION: ClassVar[dict[str, Any]] = {
        "question_id": "q1",
        "turns": [{"content": "Name a prime."}],
        "cluster": "maths",
    }
    ANSWER: ClassVar[dict[str, Any]] = {
        "question_id": "q1",
        "answer_id": "a1",
        "model_id": "tiny",
        "choices": [{"index": 0, "turns": [{"content": "Sevn.", "token_len": 2}]}],
        "tstamp": 1713.5,
    }

    def test_the_answers_are_joined_with_their_questions(self, tmp_path: Path) -> None:
        write_jsonl(tmp_path / "question.jsonl", [self.QUESTION])
        read = one(tmp_path, self.ANSWER)
        assert (read.draft.id, read.draft.prompt) == ("tiny-q1", "Name a prime.")
        assert read.draft.response == "Sevn."
        assert read.rest["cluster"] == "maths"

    def test_a_turn_without_a_text_is_rejected(self, tmp_path: Path) -> None:
        write_jsonl(tmp_path / "question.jsonl", [self.QUESTION])
        empty = {**self.ANSWER, "choices": [{"index": 0, "turns": [{"content": None}]}]}
        path = write_jsonl(tmp_path / "tiny.jsonl", [self.ANSWER, empty])
        assert good_and_bad(path)[1][0].reason == "the answer has no text"

    def test_the_second_versions_answers_carry_their_question(self, tmp_path: Path) -> None:
        answer = {"role": "assistant", "content": {"answer": "Sevn."}}
        read = one(tmp_path, {"uid": "q1", "model": "tiny", "messages": [ASKED, answer]})
        assert (read.draft.prompt, read.draft.response) == ("Name a prime.", "Sevn.")


def test_alpacas_input_is_part_of_the_prompt(tmp_path: Path) -> None:
    row = {"instruction": "Add.", "input": "2 and 2", "output": "4"}
    read = one(tmp_path, row, format_name="alpaca")
    assert (read.draft.prompt, read.draft.response) == ("Add.\n\n2 and 2", "4")


@pytest.mark.parametrize("name", ["instruction", "input"])
@pytest.mark.parametrize("value", [5, ["Add."], {"text": "Add."}])
def test_an_alpaca_row_without_text_costs_only_itself(
    tmp_path: Path, name: str, value: object
) -> None:
    row = {"instruction": "Add.", "input": "2 and 2", "output": "4"}
    path = write_jsonl(tmp_path / "rows.jsonl", [row, {**row, name: value}])
    (read,), (bad,) = good_and_bad(path, format_name="alpaca")
    assert (read.number, bad.number) == (1, 2)
    assert bad.reason == "instruction, input: should be a string"


ADVISED: dict[str, tuple[dict[str, Any], str]] = {
    "Alpaca": ({"instruction": "Add.", "input": "2", "output": "4"}, "--format alpaca or"),
    "a pair": ({"prompt": "a", "chosen": "b", "rejected": "c"}, "--field response=chosen"),
    "UltraFeedback": (
        {"instruction": "Add.", "completions": [{"model": "a", "response": "4"}]},
        "--field prompt=instruction --field response=completions.0.response",
    ),
    "Batch API": (
        {
            "id": "batch_req_1",
            "custom_id": "r1",
            "response": {"status_code": 200, "body": {"choices": [{"message": ANSWERED}]}},
            "error": None,
        },
        "--field id=custom_id --field response=response.body.choices.0.message.content",
    ),
    "replies": (
        {"object": "chat.completion", "choices": [{"message": ANSWERED}]},
        "--field response=choices.0.message.content",
    ),
    "a list inside": ({"version": 1, "data": [{"prompt": "a"}]}, r"jq -c '.\[.data.\]\[\]' FILE"),
}


@pytest.mark.parametrize(("row", "advice"), ADVISED.values(), ids=ADVISED)
def test_rows_that_hold_no_draft_are_reported_once_with_the_options_that_read_them(
    tmp_path: Path, row: dict[str, Any], advice: str
) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", [row] * 3)
    with pytest.raises(InputError, match=advice):
        list(read_rows(path))


@pytest.mark.parametrize("name", ["UltraFeedback", "Batch API", "replies"])
def test_the_advice_reads_them(tmp_path: Path, name: str) -> None:
    row, advice = ADVISED[name]
    fields = dict(one.split("=") for one in advice.split("--field ")[1:])
    fields = {ours: path.strip() for ours, path in fields.items()}
    assert one(tmp_path, row, fields=fields).draft.response in {"4", "Sevn."}


class TestFieldsUnderOtherNames:
    def test_a_column_that_is_named_is_not_read_twice(self, tmp_path: Path) -> None:
        row = {"prompt": [ASKED], "completion": "Sevn.", "n": 1}
        fields = {"messages": "prompt", "response": "completion"}
        read = one(tmp_path, row, fields=fields)
        assert said(read.draft) == [("user", "Name a prime.")]
        assert read.rest == {"n": 1}

    @pytest.mark.parametrize("form", ["auto", "rows"])
    def test_the_prompt_that_is_named_is_the_only_one(self, tmp_path: Path, form: str) -> None:
        row = {"messages": [ASKED], "q": "Why?", "response": "So."}
        read = one(tmp_path, row, format_name=form, fields={"prompt": "q"})
        assert (said(read.draft), read.rest) == ([("user", "Why?")], {"messages": [ASKED]})

    def test_a_path_counts_from_the_end(self, tmp_path: Path) -> None:
        row = {"choices": [{"text": "Six."}, {"text": "Sevn."}]}
        read = one(tmp_path, row, fields={"response": "choices.-1.text"})
        assert (read.draft.response, read.rest) == ("Sevn.", row)

    @pytest.mark.parametrize("form", ["auto", "alpaca-eval"])
    def test_a_recognised_form_takes_names_too(self, tmp_path: Path, form: str) -> None:
        row = {**ALPACA_EVAL, "uid": 7}
        read = one(tmp_path, row, format_name=form, fields={"id": "uid"})
        assert (read.draft.id, read.draft.prompt) == (7, "Name a prime.")
        assert read.rest == {"generator": "tiny"}

    FORMS = (
        ("alpaca-eval", {"q": "Name a prime.", "a": "Sevn.", "generator": "tiny"}),
        ("alpaca", {"q": "Name a prime.", "input": "", "a": "Sevn."}),
        ("prompt-completion", {"q": "Name a prime.", "a": "Sevn."}),
        ("rows", {"q": "Name a prime.", "a": "Sevn."}),
    )

    @pytest.mark.parametrize(("form", "row"), FORMS, ids=[form for form, _ in FORMS])
    def test_every_form_of_two_texts_takes_both(
        self, tmp_path: Path, form: str, row: dict[str, Any]
    ) -> None:
        read = one(tmp_path, row, format_name=form, fields={"prompt": "q", "response": "a"})
        assert (read.draft.prompt, read.draft.response) == ("Name a prime.", "Sevn.")
        assert not {"q", "a"} & read.rest.keys()

    @pytest.mark.parametrize("form", ["openai-chat", "sharegpt", "conversation", "auto"])
    def test_every_form_of_turns_takes_their_field(self, tmp_path: Path, form: str) -> None:
        row = {"talk": {"turns": [ASKED, ANSWERED]}, "key": 7}
        read = one(tmp_path, row, format_name=form, fields={"messages": "talk.turns", "id": "key"})
        assert (read.draft.id, read.draft.prompt, read.draft.response) == (
            7,
            "Name a prime.",
            "Sevn.",
        )

    @pytest.mark.parametrize("form", ["openai-chat", "auto"])
    def test_a_form_of_turns_takes_another_prompt_or_response(
        self, tmp_path: Path, form: str
    ) -> None:
        row = {"messages": [ASKED, ANSWERED], "q": "Why?", "better": {"text": "So."}}
        fields = {"prompt": "q", "response": "better.text"}
        if form == "auto":
            fields = {"prompt": "q"}
        read = one(tmp_path, row, format_name=form, fields=fields)
        assert read.draft.prompt == "Why?"
        assert read.draft.response == ("Sevn." if form == "auto" else "So.")

    def test_fastchats_answers_take_names_too(self, tmp_path: Path) -> None:
        write_jsonl(tmp_path / "question.jsonl", [{"question_id": 1, "text": "Why?"}])
        row = {"question_id": 1, "text": "So.", "answer_id": "a1", "model_id": "tiny"}
        assert one(tmp_path, row, fields={"id": "answer_id"}).draft.id == "a1"

    def test_a_field_of_ours_whose_name_is_taken_is_kept(self, tmp_path: Path) -> None:
        row = {"response": "Old.", "output": "New."}
        read = one(tmp_path, row, fields={"response": "output"})
        assert (read.draft.response, read.rest) == ("New.", {"response": "Old."})


def test_turns_as_json_text_are_read(tmp_path: Path) -> None:
    row = {"messages": json.dumps([ASKED]), "response": "Sevn."}
    assert said(one(tmp_path, row).draft) == [("user", "Name a prime.")]
    chat = {"conversations": json.dumps([ASKED, ANSWERED])}
    assert one(tmp_path, chat, format_name="sharegpt").draft.response == "Sevn."
    broken = write_jsonl(tmp_path / "b.jsonl", [row, {**row, "messages": "[{"}])
    assert good_and_bad(broken)[1][0].reason.startswith("messages: not JSON")
