"""An input without a usable row is one error with advice, not a million rejects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from revloop.distributed.source import RayInput
from revloop.errors import InputError
from revloop.rows import Position, Rejected, read_rows
from revloop.rows.unusable import ENOUGH_ROWS
from tests.helpers.command_line import revloop
from tests.helpers.record_samples import write_jsonl
from tests.helpers.row_samples import GOOD, file_of, line_of
from tests.helpers.running_batch import answering_server, work_in

if TYPE_CHECKING:
    from pathlib import Path

ALIKE = {
    "misspelt": (
        [line_of(promt=f"Why {n}?", response="So.") for n in range(150)],
        "'promt' is not",
    ),
    "no text": ([line_of(response=n) for n in range(150)], "response: Input should be"),
    "a log": ([f"line {n}: 'started'".encode() for n in range(150)], r"must end in \.csv"),
    "some roles": (
        [line_of(response="So.", messages=[{"role": f"r{n}", "content": "a"}]) for n in range(150)],
        "--format",
    ),
}
EVERY_KIND = pytest.mark.parametrize(("lines", "words"), ALIKE.values(), ids=ALIKE)


@EVERY_KIND
def test_the_first_hundred_all_alike_end_the_reading(
    tmp_path: Path, lines: list[bytes], words: str
) -> None:
    with pytest.raises(InputError, match=f"(?s)first 100 rows cannot be used.*{words}"):
        list(read_rows(file_of(tmp_path, *lines), format_name="rows"))


@EVERY_KIND
def test_a_good_row_among_them_lets_all_be_rejected_one_by_one(
    tmp_path: Path, lines: list[bytes], words: str
) -> None:
    del words
    mixed = [*lines[: ENOUGH_ROWS - 1], GOOD, *lines]
    found = list(read_rows(file_of(tmp_path, *mixed), format_name="rows"))
    assert [one.number for one in found] == list(range(1, len(mixed) + 1))
    assert sum(isinstance(one, Rejected) for one in found) == len(mixed) - 1


def test_rows_that_are_bad_in_different_ways_are_rejected_one_by_one(tmp_path: Path) -> None:
    lines = [line_of(response=""), *[line_of(response=5)] * 200]
    assert len(list(read_rows(file_of(tmp_path, *lines)))) == 201


def test_fewer_rows_are_rejected_one_by_one(tmp_path: Path) -> None:
    lines = [line_of(response=5)] * (ENOUGH_ROWS - 1)
    assert len(list(read_rows(file_of(tmp_path, *lines)))) == ENOUGH_ROWS - 1


def test_resumed_reading_is_not_ended(tmp_path: Path) -> None:
    lines = [GOOD, *[line_of(response=5)] * 200]
    assert len(list(read_rows(file_of(tmp_path, *lines), after=Position(1)))) == 200


def test_rows_of_many_megabytes_are_not_held_back(tmp_path: Path) -> None:
    long_row = line_of(response=5, note="x" * 6_000_000)
    found = list(read_rows(file_of(tmp_path, *[long_row] * 4, *[line_of(response=5)] * 200)))
    assert len(found) == 204


def test_many_machines_are_not_even_asked(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    source = RayInput(str(file_of(tmp_path, *ALIKE["misspelt"][0])))
    with pytest.raises(InputError, match="first 100 rows cannot be used"):
        source.first(source.files()[0])


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_a_batch_ends_with_the_reason_and_writes_nothing(tmp_path: Path) -> None:
    work = work_in(tmp_path, 0)
    rows: list[dict[str, Any]] = [{"promt": "Add.", "response": f"Draft {n}"} for n in range(150)]
    write_jsonl(tmp_path / "drafts.jsonl", rows)
    async with answering_server() as server:
        finished = await work.run(server)
        assert finished.code == 3, finished.err
        assert "all for the same reason: 'promt' is not a field of a draft" in finished.err
        assert not names_in(tmp_path) & {"out.jsonl", "out.jsonl.rejected.jsonl"}
        right = [{"prompt": "Add.", "response": row["response"]} for row in rows[:3]]
        write_jsonl(tmp_path / "drafts.jsonl", right)
        finished = await work.run(server)
    assert (finished.code, len(work.rows())) == (0, 3)


async def test_a_batch_tells_the_reason_of_the_first_reject(tmp_path: Path) -> None:
    work = work_in(tmp_path, 0)
    write_jsonl(tmp_path / "drafts.jsonl", [{"promt": "Add.", "response": "Draft 1"}] * 5)
    async with answering_server() as server:
        finished = await work.run(server)
    assert finished.code == 8, finished.err
    told = "".join(finished.err.split())
    assert "5rowswererejected" in told
    assert "Thefirst,row1:'promt'isnotafieldofadraft,and'prompt'ismissing" in told


async def test_an_import_of_another_format_ends_with_advice(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", [{"prompt": "Why?", "response": "So."}] * 150)
    finished = await revloop("records", "import", "aligner", str(path))
    assert finished.code == 3
    assert "first 100 rows cannot be used" in finished.err
    assert "Is that its format? Known: " in finished.err


@pytest.mark.parametrize(
    ("text", "way"),
    [
        (json.dumps([{"question": "a"}] * 500, indent=1), "jq -c '.[]' FILE"),
        ("\n".join([json.dumps({"question": "a"}, indent=1)] * 500), "jq -c . FILE"),
    ],
    ids=["array", "objects"],
)
async def test_records_that_are_not_one_per_line_are_reported_once(
    tmp_path: Path, text: str, way: str
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(text)
    finished = await revloop("records", "validate", str(path))
    assert finished.code == 3
    assert finished.err.count("line") < 5
    assert way in " ".join(finished.err.split())
