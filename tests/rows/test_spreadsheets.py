"""CSV that spreadsheets do not run."""

from __future__ import annotations

import csv
import io

import pytest

from revloop.rows.spreadsheets import guarded, write_rows


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
