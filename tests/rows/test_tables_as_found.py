"""Tables as people have them: texts stored as bytes, and unreadable cells."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from revloop.distributed.source import RayInput
from revloop.rows import Position
from tests.helpers.row_samples import good, good_and_bad

if TYPE_CHECKING:
    from pathlib import Path

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
datasets = pytest.importorskip("datasets")

TEXTS = ["Good mroning.", "Grüß Gott."]
BINARY = {
    "binary": pa.binary(),
    "large binary": pa.large_binary(),
    "dictionary": pa.dictionary(pa.int32(), pa.binary()),
    "binary view": pa.binary_view(),
    "string view": pa.string_view(),
    "large string": pa.large_string(),
    "dictionary of strings": pa.dictionary(pa.int8(), pa.string()),
}


def parquet(path: Path, columns: dict[str, Any]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def binary(*texts: str | bytes, kind: Any = None) -> Any:
    raw = [text.encode() if isinstance(text, str) else text for text in texts]
    return pa.array(raw, pa.binary()).cast(kind or pa.binary())


@pytest.mark.parametrize("kind", BINARY.values(), ids=BINARY)
def test_text_in_a_column_of_bytes_is_text(tmp_path: Path, kind: Any) -> None:
    if pa.types.is_dictionary(kind):
        column = binary(*TEXTS, kind=kind.value_type).dictionary_encode()
    else:
        column = binary(*TEXTS, kind=kind)
    path = parquet(tmp_path / "d.parquet", {"response": column, "prompt": binary("a", "b")})
    assert [row.draft.response for row in good(path)] == TEXTS
    assert [row.draft.prompt for row in good(path)] == ["a", "b"]


def test_text_in_bytes_of_a_fixed_size_is_text(tmp_path: Path) -> None:
    column = pa.array([b"four", b"five"], pa.binary(4))
    path = parquet(tmp_path / "d.parquet", {"response": column})
    assert [row.draft.response for row in good(path)] == ["four", "five"]


def test_bytes_that_are_not_text_reject_the_row(tmp_path: Path) -> None:
    columns = {"response": binary("So.", b"\xff\xfe", "Thus."), "n": [1, 2, 3]}
    rows, (bad,) = good_and_bad(parquet(tmp_path / "d.parquet", columns))
    assert [row.draft.response for row in rows] == ["So.", "Thus."]
    assert (bad.number, bad.reason) == (2, "response: contains bytes that are not UTF-8")
    assert json.loads(bad.raw) == {"response": "__4=", "n": 2}


def test_bytes_in_a_field_of_the_callers_stay_bytes_whatever_they_spell(tmp_path: Path) -> None:
    columns = {"response": binary("a", "b"), "image": binary("PNG", b"\xff")}
    rows = good(parquet(tmp_path / "d.parquet", columns))
    assert [row.rest for row in rows] == [{"image": "UE5H"}, {"image": "_w=="}]


def test_bytes_in_turns_and_under_other_names_are_text(tmp_path: Path) -> None:
    turn = pa.struct([("role", pa.binary()), ("content", pa.binary())])
    turns = pa.array([[{"role": b"user", "content": b"Why?"}]], pa.list_(turn))
    out = pa.array([{"text": b"So."}], pa.struct([("text", pa.binary())]))
    path = parquet(tmp_path / "d.parquet", {"asked": turns, "out": out, "id": binary("7")})
    (row,) = good(path, fields={"messages": "asked", "response": "out.text"})
    assert row.draft.conversation[0].content == "Why?"
    assert (row.draft.id, row.draft.response) == ("7", "So.")
    assert row.rest == {"out": {"text": "U28u"}}


def test_a_form_of_another_program_may_be_in_bytes(tmp_path: Path) -> None:
    columns = {name: binary(name) for name in ("instruction", "output", "generator")}
    (row,) = good(parquet(tmp_path / "d.parquet", columns))
    assert (row.draft.prompt, row.draft.response) == ("instruction", "output")
    assert row.rest == {"generator": "Z2VuZXJhdG9y"}


def broken_string(*texts: bytes) -> Any:
    return pa.array(list(texts), pa.binary()).view(pa.string())


def days(*numbers: int) -> Any:
    return pa.array(list(numbers), pa.int32()).view(pa.date32())


def nested(column: Any) -> Any:
    return pa.StructArray.from_arrays([column], ["deep"])


def listed(column: Any) -> Any:
    return pa.ListArray.from_arrays(pa.array(range(len(column) + 1), pa.int32()), column)


TEXT_CELLS = broken_string(b"fine", b"\xff\xfe", b"fine", b"fine")
DATE_CELLS = days(1, 2_000_000_000, 2, 3)
TIME_CELLS = pa.array([1, 2**62, 2, 3], pa.int64()).view(pa.timestamp("us"))
UNREADABLE = {
    "text": TEXT_CELLS,
    "a date": DATE_CELLS,
    "a time": TIME_CELLS,
    "a date within": nested(DATE_CELLS),
    "text within": nested(listed(TEXT_CELLS)),
    "dates in a list": listed(nested(DATE_CELLS)),
}
EVERY_UNREADABLE = pytest.mark.parametrize("column", UNREADABLE.values(), ids=UNREADABLE)


def table_with(column: Any) -> Any:
    responses = pa.array([f"Draft {n}" for n in range(4)])
    return pa.table({"id": pa.array(range(4)), "response": responses, "what": column})


def assert_only_the_second_is_rejected(rows: list[Any], bad: list[Any]) -> None:
    assert [row.draft.id for row in rows] == [0, 2, 3]
    (one,) = bad
    assert one.number == 2
    assert one.reason.startswith("what: the cell cannot be read (")
    assert json.loads(one.raw) == {"id": 1, "response": "Draft 1"}


@EVERY_UNREADABLE
def test_a_cell_of_parquet_that_cannot_be_read_costs_its_row_only(
    tmp_path: Path, column: Any
) -> None:
    pq.write_table(table_with(column), tmp_path / "d.parquet")
    assert_only_the_second_is_rejected(*good_and_bad(tmp_path / "d.parquet"))
    rows, bad = good_and_bad(tmp_path / "d.parquet", after=Position(1))
    assert ([row.number for row in rows], [one.number for one in bad]) == ([3, 4], [2])


@EVERY_UNREADABLE
def test_a_cell_of_a_saved_data_set_costs_its_row_only(tmp_path: Path, column: Any) -> None:
    saved = datasets.Dataset(table_with(column))
    saved.save_to_disk(tmp_path / "saved")
    assert_only_the_second_is_rejected(*good_and_bad(tmp_path / "saved"))


@EVERY_UNREADABLE
def test_a_cell_costs_its_row_only_on_many_machines_too(tmp_path: Path, column: Any) -> None:
    pq.write_table(table_with(column), tmp_path / "d.parquet", row_group_size=2)
    source = RayInput(str(tmp_path / "d.parquet"))
    files = source.files()
    first = source.first(files[0])
    rows = [row for split in source.splits(files) for row in source.rows(split, first)]
    assert [row["draft"] is None for row in rows] == [False, True, False, False]
    assert "the cell cannot be read" in rows[1]["reject"]


def test_the_response_itself_may_be_the_unreadable_cell(tmp_path: Path) -> None:
    pq.write_table(pa.table({"response": TEXT_CELLS}), tmp_path / "d.parquet")
    rows, (bad,) = good_and_bad(tmp_path / "d.parquet")
    assert ([row.number for row in rows], bad.number) == ([1, 3, 4], 2)
    assert bad.reason.startswith("response: the cell cannot be read")


def test_a_time_keeps_its_nanoseconds(tmp_path: Path) -> None:
    at = pa.array([1_700_000_000_123_456_789], pa.int64()).view(pa.timestamp("ns"))
    (row,) = good(parquet(tmp_path / "d.parquet", {"response": ["So."], "at": at}))
    assert row.rest == {"at": "2023-11-14T22:13:20.123456789"}
