"""Figures as CSV: every field, and no formulas."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

from revloop.evaluation import RoundFigures, ask_judge, evaluate
from revloop.evaluation.tables import guarded, write_figures, write_rows
from tests.helpers.judges import RuleJudge, by_number, store_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_begins_like_a_formula_is_escaped(cell: str) -> None:
    assert guarded(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["a=1", "", " =1", -1, 0.5])
def test_other_cells_are_unchanged(cell: object) -> None:
    assert guarded(cell) == cell


def test_rows_are_read_back_by_any_reader() -> None:
    file = io.StringIO()
    write_rows(file, ["a", "b"], [['x,"y"\nz', None], ["=1", 2]])
    assert list(csv.reader(io.StringIO(file.getvalue()))) == [
        ["a", "b"],
        ['x,"y"\nz', ""],
        ["'=1", "2"],
    ]


async def test_each_judge_and_round_has_a_line(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", [["1", "2", "3"]])
    judge = RuleJudge(by_number, "=judge")
    await ask_judge(path, judge, rounds=2)
    file = io.StringIO()
    write_figures(file, evaluate(path, [judge.info]))
    header, *rows = csv.reader(io.StringIO(file.getvalue()))
    assert header == ["judge", *RoundFigures.model_fields]
    told = [dict(zip(header, row, strict=True)) for row in rows]
    assert [(row["judge"], row["round"], row["win_rate"]) for row in told] == [
        ("'=judge", "1", "1.0"),
        ("'=judge", "2", "1.0"),
    ]
    assert told[0]["win_rate_low"] == ""
