"""Ids keep their type and numbers their digits, from the input to every output."""

from __future__ import annotations

import copy
import gzip
import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop import Draft, Trajectory
from revloop.errors import InputError
from revloop.rows import Row, open_output
from revloop.trajectory import as_draft
from revloop.values import Number, json_text, read_json
from tests.helpers.row_samples import file_of, good, trajectory_of
from tests.helpers.running_batch import answering_server, work_in

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = (
    "[1e400,-1E-400,12345678901234567890,0.1000000000000000055,2.50,-0.0,-0,1E5,1e5,1e-07,1.0,"
    '17,{"deep":[3.140]},NaN,-Infinity]'
)
LEXEMES = st.from_regex(r"\A-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?\Z")


@given(st.lists(LEXEMES))
def test_any_number_is_written_as_it_was_read(lexemes: list[str]) -> None:
    text = f"[{','.join(lexemes)}]"
    assert json_text(read_json(text)) == text
    assert [float(one) for one in read_json(text)] == [float(one) for one in lexemes]


def test_a_number_that_is_kept_exactly_calculates_as_a_float() -> None:
    number = read_json("2.50")
    assert isinstance(number, Number)
    assert (number * 2, str(number), json.dumps(number)) == (5.0, "2.5", "2.5")
    for twin in (copy.deepcopy(number), pickle.loads(pickle.dumps(number))):
        assert json_text(twin) == "2.50"


@pytest.mark.parametrize("final_only", [False, True])
@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_numbers_of_the_callers_fields_are_written_to_the_letter(
    tmp_path: Path, name: str, final_only: bool
) -> None:
    line = f'{{"id": 1e3, "response": "So.", "n": {NUMBERS}}}'.encode()
    (row,) = good(file_of(tmp_path, line))
    with open_output(tmp_path / name, final_only=final_only) as out:
        out.write(trajectory_of(row.draft).with_extra(row.rest))
    (written,) = lines_of(tmp_path / name)
    assert f'"n":{NUMBERS}' in written
    assert '"id":1e3,' in written


def lines_of(path: Path) -> list[str]:
    raw = path.read_bytes()
    return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode().splitlines()


def test_numbers_in_turns_are_written_to_the_letter() -> None:
    text = '{"messages":[{"role":"user","content":"Why?","weight":1.50}],"response":"So."}'
    draft = Draft.from_json(text)
    assert '"weight":1.50' in draft.to_json()
    trajectory = trajectory_of(draft)
    assert Trajectory.from_json(trajectory.to_json()) == trajectory
    assert '"weight":1.50' in trajectory.to_json()


def test_parquet_keeps_the_numbers_in_its_extra(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    row: Row = good(file_of(tmp_path, f'{{"response": "So.", "n": {NUMBERS}}}'.encode()))[0]
    with open_output(tmp_path / "out.parquet") as out:
        out.write(trajectory_of(row.draft).with_extra(row.rest))
    (written,) = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert written["extra"] == f'{{"n":{NUMBERS}}}'


def test_ids_of_a_table_keep_their_type(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    for ids in ([1, 2], ["1", "2"], [1.5, 2.5]):
        pq.write_table(pa.table({"id": ids, "response": ["a", "b"]}), tmp_path / "d.parquet")
        assert repr([row.draft.id for row in good(tmp_path / "d.parquet")]) == repr(ids)


@pytest.mark.parametrize("id_", [True, [1], {}, float("nan"), float("inf"), ""])
def test_what_is_not_a_name_is_not_an_id(id_: object) -> None:
    with pytest.raises(InputError, match=r"id: .* (number|empty)"):
        as_draft({"id": id_, "response": "So."})


async def test_a_number_and_a_string_are_two_ids_in_a_batch(tmp_path: Path) -> None:
    work = work_in(tmp_path, 0)
    rows: list[dict[str, Any]] = [
        {"id": 1, "prompt": "Add.", "response": "Draft 1"},
        {"id": "1", "prompt": "Add.", "response": "Draft 2"},
        {"id": 1, "prompt": "Add.", "response": "Draft 3"},
        {"id": 10**25, "prompt": "Add.", "response": "Draft 1"},
    ]
    lines = [json.dumps(row) for row in rows]
    (tmp_path / "drafts.jsonl").write_text("\n".join(lines) + "\n")
    async with answering_server() as server:
        finished = await work.run(server, "--final-only")
        assert finished.code == 8, finished.err
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in found] == [1, "1", 10**25]
    reject = json.loads((tmp_path / "out.jsonl.rejected.jsonl").read_text())
    assert reject["reason"] == "line 3: the id 1 is that of line 1, which has other content"
