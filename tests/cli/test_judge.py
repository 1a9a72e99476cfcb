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


async def test_a_partial_sheet_of_a_sample_gives_figures(folder: Path) -> None:
    await judge(folder, "--human", "full.csv", "--round", "1")
    wrote = await judge(folder, "--human", "sheet.csv", "--round", "2", "--sample", "11")
    assert wrote.out == "sheet.csv: 11 pairs to judge\n"
    fill_in(folder / "sheet.csv", later_wins=7)
    for sheet in ("full.csv", "sheet.csv"):
        text = (folder / sheet).read_text(encoding="utf-8-sig")
        rows = list(csv.reader(io.StringIO(text)))[: 1 + 10]
        with (folder / sheet).open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    fill_in(folder / "full.csv", later_wins=7)
    for sheet in ("full.csv", "sheet.csv"):
        read = await judge(folder, "--read", sheet, "--name", "anna")
        assert read.out == "s.sqlite: 10 verdicts of anna\n"
    told = await revloop("evaluate", "s.sqlite", "--judge", "anna", "--json", folder=folder)
    first, second = Evaluation.model_validate_json(told.out).judges[0].rounds
    assert (first.unjudged, first.win_rate) == (2, None)
    assert (second.unjudged, second.counted, second.win_rate) == (1, 10, 0.7)
    assert second.win_rate_low is not None


async def test_a_sample_is_of_each_round_and_in_proportion_to_a_field(tmp_path: Path) -> None:
    rows = [[f"{n} old", f"{n} new", f"{n} newest"] for n in range(12)]
    fields = [{"kind": "mail" if n < 4 else "note"} for n in range(12)]
    store_of(tmp_path / "s.sqlite", rows, fields=fields)
    wrote = await judge(tmp_path, "--human", "s.csv", "--sample", "6", "--by", "kind")
    assert wrote.out == "s.csv: 12 pairs to judge\n"
    text = (tmp_path / "s.csv").read_text(encoding="utf-8-sig")
    asked = [(row["text_a"], row["text_b"]) for row in csv.DictReader(io.StringIO(text))]
    newest = [pair for pair in asked if any("newest" in one for one in pair)]
    assert len(newest) == 6
    assert sum(int(one.split()[0]) < 4 for one, _ in newest) == 2


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
        (("--human", "a.csv", "--round", "7", "--sample", "3"), "no changed text"),
        (("--human", "a.csv", "--by", "kind"), "--by needs --sample"),
        (("--human", "a.csv", "--sample", "3", "--by", "nothing"), "has a field 'nothing'"),
        (("--read", "empty.csv"), "no usable verdict"),
        (("--read", "empty.csv", "--name", " "), "blank"),
        (("--human", "empty.csv"), "--force"),
        (("--human", "a.csv", "--name", "anna"), "--name needs --read"),
        (("--read", "empty.csv", "--sample", "3"), "--sample needs --human"),
        (("--read", "empty.csv", "--seed", "0"), "--seed needs --human"),
        (("--read", "empty.csv", "--force"), "--force needs --human"),
        (("--human", "a.json"), "ends in .csv or .jsonl"),
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
