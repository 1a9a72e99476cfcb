"""Reading rows: files that people have become drafts, and a bad row costs only itself."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.errors import InputError
from revloop.rows import FORMAT_NAMES, Rejected, Row, read_rows
from tests.helpers.record_samples import write_jsonl
from tests.helpers.repository import DATA
from tests.helpers.row_samples import (
    EVENING,
    GOOD,
    MORNING,
    TURNS,
    file_of,
    good,
    good_and_bad,
    line_of,
)

if TYPE_CHECKING:
    from pathlib import Path


class TestARow:
    def test_it_is_a_draft_with_its_other_fields_beside_it(self, tmp_path: Path) -> None:
        path = write_jsonl(tmp_path / "drafts.jsonl", [MORNING, EVENING])
        first, second = good(path)
        assert (first.number, second.number) == (1, 2)
        assert first.draft.model_dump(exclude_defaults=True) == {
            "id": "1",
            "prompt": "Say good morning.",
            "response": "Good mroning.",
        }
        assert first.rest == {"topic": "hello"}

    def test_without_an_id_it_is_named_by_its_content(self, tmp_path: Path) -> None:
        path = write_jsonl(
            tmp_path / "d.jsonl",
            [{"prompt": "Why?", "response": "So.", "n": 1}, {"prompt": "Why?", "response": "So."}],
        )
        first, second = good(path)
        assert first.draft.id == second.draft.id == first.draft.content_digest

    def test_an_id_keeps_its_type(self, tmp_path: Path) -> None:
        rows = [{"id": id_, "response": "So."} for id_ in (7, "7", 7.5, -0.0, 10**30)]
        found = [row.draft.id for row in good(write_jsonl(tmp_path / "d.jsonl", rows))]
        assert repr(found) == "[7, '7', 7.5, -0.0, 1000000000000000000000000000000]"

    def test_messages_are_a_prompt_of_several_turns(self, tmp_path: Path) -> None:
        fields = {"messages": TURNS, "response": "Eleven."}
        (row,) = good(write_jsonl(tmp_path / "d.jsonl", [fields]))
        assert [turn.role for turn in row.draft.conversation] == ["user", "assistant", "user"]

    def test_null_means_a_missing_field(self, tmp_path: Path) -> None:
        fields = {"id": None, "prompt": None, "messages": TURNS, "response": "Eleven."}
        (row,) = good(write_jsonl(tmp_path / "d.jsonl", [fields]))
        assert row.draft.id == row.draft.content_digest

    def test_a_field_named_extra_is_one_of_the_others(self, tmp_path: Path) -> None:
        fields = {"response": "So.", "extra": {"deep": [1, {"er": None}]}}
        (row,) = good(write_jsonl(tmp_path / "d.jsonl", [fields]))
        assert row.rest == {"extra": {"deep": [1, {"er": None}]}}
        assert row.draft.extra == {}

    def test_it_can_be_rejected_later_with_its_line_unchanged(self, tmp_path: Path) -> None:
        line = b'{"id":  "1", "response": "So."}'
        (row,) = good(file_of(tmp_path, line + b"\r\n"))
        later = row.rejected("the id stands on line 7, too")
        assert later == Rejected(1, "the id stands on line 7, too", line.decode(), row.end_offset)


BAD_LINES = {
    "half": (b"{", "not JSON"),
    "quotes": (b"{'response': 'So.'}", "not JSON"),
    "number": (b"17", "not a JSON object"),
    "array": (b"[1]", "not a JSON object"),
    "null": (b"null", "not a JSON object"),
    "two": (GOOD + b" " + GOOD, "trailing"),
    "no response": (line_of(prompt="Why?"), "response: Field required"),
    "null response": (line_of(prompt="Why?", response=None), "response: .* string"),
    "number response": (line_of(response=5), "response: .* string"),
    "empty response": (line_of(response=""), "the response is empty"),
    "blank response": (line_of(response=" \n"), "the response is empty"),
    "number prompt": (line_of(prompt=5, response="So."), "prompt: .* string"),
    "list id": (line_of(id=[1], response="So."), "id: .* string"),
    "empty id": (line_of(id="", response="So."), "id: is empty"),
    "truth id": (line_of(id=True, response="So."), "id: .* string"),
    "prompt twice": (line_of(prompt="a", messages=TURNS, response="So."), "not both"),
    "no messages": (line_of(messages=[], response="So."), "messages: is empty"),
    "odd role": (
        line_of(messages=[{"role": "tool", "content": "x"}], response="So."),
        r"messages\.0\.role",
    ),
    "null content": (
        line_of(messages=[{"role": "user", "content": None}], response="So."),
        r"messages\.0\.content",
    ),
    "surrogate": (b'{"response": "a\\ud800"}', "lone surrogate"),
    "low surrogate": (b'{"response": "\\udc00a"}', "lone surrogate"),
    "surrogate elsewhere": (b'{"response": "a", "n": "\\ud83d"}', "lone surrogate"),
    "surrogate bytes": (b'{"response": "\xed\xa0\x80"}', "not UTF-8: byte 14"),
    "latin-1": (b'{"response": "\xe9"}', "not UTF-8: byte 14"),
    "NUL": (b'{"response": "a\x00"}', "control character"),
    "NULs": (b"\x00" * 60, "not JSON"),
    "deep": (b'{"response": "a", "n": ' + b"[" * 100_000, "recursion"),
    "digits": (b'{"response": "a", "n": ' + b"9" * 5_000 + b"}", "number"),
    "long": (line_of(response="x" * 5_000_000), "longer than 4,000,000 bytes"),
}


class TestABadRow:
    @pytest.mark.parametrize(("line", "reason"), BAD_LINES.values(), ids=BAD_LINES)
    def test_it_costs_only_itself(self, tmp_path: Path, line: bytes, reason: str) -> None:
        path = file_of(tmp_path, GOOD, line, GOOD)
        rows, (bad,) = good_and_bad(path, max_row_bytes=4_000_000)
        assert [row.number for row in rows] == [1, 3]
        assert bad.number == 2
        assert re.search(reason, bad.reason), bad.reason

    def test_all_of_them_in_one_file_are_exactly_the_rejected_ones(self, tmp_path: Path) -> None:
        lines = [b"\xef\xbb\xbf" + GOOD]
        for bad, _ in BAD_LINES.values():
            lines += (bad, b"", GOOD)
        rows, rejected = good_and_bad(file_of(tmp_path, *lines), max_row_bytes=4_000_000)
        assert [row.number for row in rows] == [1, *range(4, len(lines) + 1, 3)]
        assert [found.number for found in rejected] == [*range(2, len(lines), 3)]
        for found, (line, _) in zip(rejected, BAD_LINES.values(), strict=True):
            assert found.raw[:100] == line[:100].decode("utf-8", "backslashreplace")
            found.raw.encode()

    def test_the_raw_line_is_kept_whole_unless_it_is_too_long(self, tmp_path: Path) -> None:
        path = file_of(tmp_path, GOOD, b"{" * 5000, b"{" * 9000)
        _, (whole, cut) = good_and_bad(path, max_row_bytes=6000)
        assert whole.raw == "{" * 5000
        assert 0 < len(cut.raw) < 1000
        assert "only its beginning" in cut.reason

    def test_five_megabytes_are_not_rejected_by_default(self, tmp_path: Path) -> None:
        (row,) = good(file_of(tmp_path, line_of(response="x" * 5_000_000)))
        assert len(row.draft.response) == 5_000_000

    def test_a_file_may_start_with_one(self, tmp_path: Path) -> None:
        rows, bad = good_and_bad(file_of(tmp_path, b"{", line_of(prompt="Why?"), GOOD))
        assert ([row.number for row in rows], [row.number for row in bad]) == ([3], [1, 2])

    def test_a_file_of_nothing_else_is_read_to_its_end(self, tmp_path: Path) -> None:
        rows, bad = good_and_bad(file_of(tmp_path, b"{", b"}"))
        assert (rows, len(bad)) == ([], 2)


class TestTextThatIsNotBad:
    def test_a_nul_that_is_escaped_is_text(self, tmp_path: Path) -> None:
        (row,) = good(file_of(tmp_path, line_of(response="a\x00b")))
        assert row.draft.response == "a\x00b"

    def test_a_pair_of_surrogates_is_one_letter(self, tmp_path: Path) -> None:
        (row,) = good(file_of(tmp_path, b'{"response": "\\ud83d\\ude00"}'))
        assert row.draft.response == "\U0001f600"

    def test_numbers_that_only_python_writes_are_carried_through(self, tmp_path: Path) -> None:
        (row,) = good(file_of(tmp_path, b'{"response": "a", "n": [Infinity, -Infinity, NaN]}'))
        assert str(row.rest["n"]) == "[inf, -inf, nan]"

    def test_blank_lines_count_but_are_not_rows(self, tmp_path: Path) -> None:
        path = file_of(tmp_path, b"", GOOD, b" \t\r", GOOD + b"\r", b"", b"")
        assert [row.number for row in good(path)] == [2, 4]

    def test_an_empty_file_has_no_rows(self, tmp_path: Path) -> None:
        assert good(file_of(tmp_path)) == []

    def test_a_line_may_hold_other_kinds_of_line_ends(self, tmp_path: Path) -> None:
        text = "one\u2028two\u0085three\x0bfour"
        line = json.dumps({"response": text}, ensure_ascii=False).encode()
        assert [row.draft.response for row in good(file_of(tmp_path, line))] == [text]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
NAMES = st.text(st.characters(exclude_categories=["Cs"])).filter(
    lambda name: name not in {"id", "prompt", "messages", "response"}
)
ROWS = st.lists(
    st.tuples(TEXT, TEXT, TEXT.filter(str.strip), st.dictionaries(NAMES, JSON, max_size=4)),
    max_size=6,
)


@given(rows=ROWS, is_ascii=st.booleans())
def test_any_rows_written_as_jsonl_come_back_the_same(
    rows: list[tuple[str, str, str, dict[str, Any]]],
    is_ascii: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for id_, prompt, response, rest in rows:
            data = {**rest, "id": id_, "prompt": prompt, "response": response}
            file.write(json.dumps(data, ensure_ascii=is_ascii) + "\n")
    read = [(row.draft.id, row.draft.prompt, row.draft.response, row.rest) for row in good(path)]
    assert read == rows


@given(junk=st.lists(st.binary(max_size=40)))
def test_no_bytes_at_all_make_it_fail(
    junk: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = file_of(tmp_path_factory.mktemp("junk"), GOOD, *junk, GOOD)
    rows = list(read_rows(path))
    numbers = [row.number for row in rows]
    assert numbers == sorted(set(numbers))
    assert {type(row) for row in rows} <= {Row, Rejected}
    assert sum(isinstance(row, Row) for row in rows) >= 2


class TestOtherNames:
    def test_fields_are_read_under_the_names_of_the_input(self, tmp_path: Path) -> None:
        fields = {"instruction": "Why?", "output": "So.", "n": 1, "uid": 5}
        path = write_jsonl(tmp_path / "d.jsonl", [fields])
        names = {"prompt": "instruction", "response": "output", "id": "uid"}
        (row,) = good(path, fields=names)
        assert (row.draft.id, row.draft.prompt, row.draft.response) == (5, "Why?", "So.")
        assert row.rest == {"n": 1}

    def test_a_dot_goes_one_level_down_and_leaves_what_it_finds(self, tmp_path: Path) -> None:
        fields = {"in": {"text": "Why?"}, "choices": [{"text": "So."}]}
        path = write_jsonl(tmp_path / "d.jsonl", [fields])
        (row,) = good(path, fields={"prompt": "in.text", "response": "choices.0.text"})
        assert (row.draft.prompt, row.draft.response) == ("Why?", "So.")
        assert row.rest == fields

    def test_a_name_with_a_dot_comes_first(self, tmp_path: Path) -> None:
        fields = {"a.b": "So.", "a": {"b": "No."}}
        (row,) = good(write_jsonl(tmp_path / "d.jsonl", [fields]), fields={"response": "a.b"})
        assert row.draft.response == "So."

    def test_a_field_of_ours_that_was_mapped_is_one_of_the_others(self, tmp_path: Path) -> None:
        fields = {"prompt": "Unused.", "q": "Why?", "response": "So."}
        (row,) = good(write_jsonl(tmp_path / "d.jsonl", [fields]), fields={"prompt": "q"})
        assert (row.draft.prompt, row.rest) == ("Why?", {"prompt": "Unused."})

    def test_a_single_row_without_the_field_is_rejected(self, tmp_path: Path) -> None:
        path = write_jsonl(tmp_path / "d.jsonl", [{"output": "So."}, {"out": "So."}])
        _, (bad,) = good_and_bad(path, fields={"response": "output"})
        assert bad.reason == "response: Field required"

    def test_a_name_that_no_row_has_is_refused(self, tmp_path: Path) -> None:
        path = write_jsonl(tmp_path / "d.jsonl", [{"instruction": "Why?", "response": "So."}])
        with pytest.raises(InputError, match=r"no 'instructoin' in the first row.*instruction, re"):
            list(read_rows(path, fields={"prompt": "instructoin"}))

    def test_a_field_that_no_draft_has_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"no field 'answer'.*Known: id, prompt"):
            list(read_rows(tmp_path / "d.jsonl", fields={"answer": "output"}))

    def test_a_format_may_have_other_names_too(self, tmp_path: Path) -> None:
        turns = [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]
        path = write_jsonl(tmp_path / "d.jsonl", [{"uid": 7, "chat": turns}])
        (row,) = good(path, format_name="sharegpt", fields={"messages": "chat", "id": "uid"})
        assert (row.draft.id, row.draft.prompt, row.draft.response) == (7, "Why?", "So.")
        assert row.rest == {}


class TestWhatCannotBeRead:
    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"drafts.jsonl cannot be read: No such file"):
            list(read_rows(tmp_path / "drafts.jsonl"))

    def test_a_folder_of_something_else(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="a folder, but not a data set"):
            list(read_rows(tmp_path))

    def test_an_unknown_format(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"no format 'xml'. Known: auto, rows, .*fastchat"):
            list(read_rows(tmp_path / "drafts.jsonl", format_name="xml"))

    def test_rows_in_an_unknown_format(self, tmp_path: Path) -> None:
        path = write_jsonl(tmp_path / "d.jsonl", [{"question": "Why?", "answer": "So."}] * 30)
        with pytest.raises(InputError, match="no 'response' in the first 20 rows") as caught:
            list(read_rows(path))
        assert "question, answer" in str(caught.value)
        assert "--field response=NAME" in str(caught.value)
        assert all(form in str(caught.value) for form in FORMAT_NAMES)

    def test_the_same_rows_are_rejected_one_by_one_if_the_format_is_named(
        self, tmp_path: Path
    ) -> None:
        path = write_jsonl(tmp_path / "d.jsonl", [{"question": "Why?"}] * 3)
        rows, bad = good_and_bad(path, format_name="rows")
        assert (rows, len(bad)) == ([], 3)

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
    def test_an_encoding_other_than_utf_8(self, tmp_path: Path, encoding: str) -> None:
        mark = "\ufeff" if encoding.endswith("be") else ""
        path = tmp_path / "d.jsonl"
        path.write_bytes((mark + GOOD.decode()).encode(encoding))
        with pytest.raises(InputError, match="UTF-16 or UTF-32: convert"):
            list(read_rows(path))


@pytest.mark.parametrize("model", ["chatgpt", "bard", "vicuna-13b"])
def test_the_answers_of_real_models_are_all_read(model: str) -> None:
    path = DATA / "fastchat80" / f"{model}.jsonl"
    if not path.is_file():
        pytest.skip(f"there are no FastChat answers at {path.parent} (REVLOOP_TEST_DATA)")
    rows = good(path)
    name = str(rows[0].draft.id)[:-2]
    assert [row.draft.id for row in rows] == [f"{name}-{n}" for n in range(1, 81)]
    assert {row.rest["model"] for row in rows} == {model}
    assert list(read_rows(path, after=rows[39].position)) == rows[40:]
