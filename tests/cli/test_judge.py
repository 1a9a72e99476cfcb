"""`revloop judge`: a sheet goes out, comes back filled in, and `evaluate` tells its figures."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

from revloop.evaluation import Evaluation
from tests.helpers.command_line import Finished, revloop
from tests.helpers.judges import store_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a store of twelve records of two rounds."""
    store_of(tmp_path / "s.sqlite", [[f"{n} old", f"{n} new", f"{n} newest"] for n in range(12)])
    return tmp_path


async def judge(folder: Path, *options: str) -> Finished:
    return await revloop("judge", "s.sqlite", *options, folder=folder)


def fill_in(path: Path, later_wins: int) -> None:
    """Prefer the later text in so many rows, and the earlier one in the rest."""
    text = path.read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    for number, row in enumerate(rows):
        later = "A" if "new" in row["text_a"] else "B"
        row["verdict"] = later if number < later_wins else {"A": "B", "B": "A"}[later]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


async def test_a_sheet_goes_out_and_comes_back(folder: Path) -> None:
    wrote = await judge(folder, "--human", "sheet.csv", "--round", "2")
    assert (wrote.code, wrote.out) == (0, "sheet.csv: 12 pairs to judge\n")
    fill_in(folder / "sheet.csv", later_wins=9)
    read = await judge(folder, "--read", "sheet.csv", "--name", "anna")
    assert (read.code, read.out) == (0, "s.sqlite: 12 verdicts of anna\n")
    told = await revloop("evaluate", "s.sqlite", "--json", folder=folder)
    first, second = Evaluation.model_validate_json(told.out).judges[0].rounds
    assert (first.unjudged, first.win_rate) == (12, None)
    assert (second.wins, second.losses, second.win_rate) == (9, 3, 0.75)
    assert (second.order_flip_share, second.harm_rate) == (None, None)


async def test_a_table_says_who_has_not_judged_yet(folder: Path) -> None:
    await judge(folder, "--human", "sheet.csv", "--round", "2")
    fill_in(folder / "sheet.csv", later_wins=9)
    await judge(folder, "--read", "sheet.csv", "--name", "anna")
    told = await revloop("evaluate", "s.sqlite", "--judge", "anna", folder=folder)
    assert "Round 1: 12 of 12 records are not judged yet, so no figures." in told.out


async def test_rows_that_cannot_be_used_are_told_and_cost_no_other(folder: Path) -> None:
    await judge(folder, "--human", "sheet.csv", "--round", "1")
    fill_in(folder / "sheet.csv", later_wins=12)
    with (folder / "sheet.csv").open("a") as file:
        file.write("unknown,,,,A,\n")
    finished = await judge(folder, "--read", "sheet.csv")
    assert finished.code == 0
    assert "line 14: the store has no pair 'unknown'" in finished.err
    assert "s.sqlite: 12 verdicts of people" in finished.out


async def test_a_sheet_may_be_jsonl(folder: Path) -> None:
    finished = await judge(folder, "--human", "sheet.jsonl", "--against", "previous")
    assert finished.out == "sheet.jsonl: 24 pairs to judge\n"
    assert (folder / "sheet.jsonl").read_text().startswith('{"id": ')


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ((), "--human"),
        (("--human", "a.csv", "--read", "b.csv"), "--human"),
        (("--read", "none.csv"), "cannot be read"),
        (("--human", "a.csv", "--round", "7"), "no changed text"),
        (("--read", "empty.csv"), "no usable verdict"),
        (("--read", "empty.csv", "--name", " "), "blank"),
        (("--human", "empty.csv"), "--force"),
    ],
)
async def test_what_cannot_be_done_is_told(
    folder: Path, options: tuple[str, ...], word: str
) -> None:
    (folder / "empty.csv").write_text("id,verdict\nx,\n")
    finished = await judge(folder, *options)
    assert (finished.code, "Traceback" in finished.err) == (3, False)
    assert word in finished.err
    assert not (folder / "a.csv").exists()
