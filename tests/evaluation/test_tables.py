"""Figures as CSV: every field, and no formulas."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from revloop.evaluation import RoundFigures, ask_judge, evaluate
from revloop.evaluation.tables import write_figures
from tests.helpers.judges import RuleJudge, by_number, store_of

if TYPE_CHECKING:
    from pathlib import Path


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
