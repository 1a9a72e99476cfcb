"""Figures as rows of a table, for people and for spreadsheets."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, TextIO

from revloop.evaluation.rounds import RoundFigures

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from revloop.evaluation.rounds import Evaluation

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def guarded(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula.

    A text that begins as one gets an apostrophe before it (OWASP, "CSV Injection"); numbers are
    left alone.
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell


def write_rows(file: TextIO, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table as CSV (RFC 4180, but for the line ends), guarded against formulas."""
    # all texts are quoted: else a lone carriage return in one would end its row
    writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(header)
    for row in rows:
        writer.writerow([guarded("" if cell is None else cell) for cell in row])


def write_figures(file: TextIO, evaluation: Evaluation) -> None:
    """Write all figures as CSV, a line for each judge and round; an empty cell: not measured."""
    fields = list(RoundFigures.model_fields)
    rows = (
        [of_judge.judge.name, *(getattr(figures, field) for field in fields)]
        for of_judge in evaluation.judges
        for figures in of_judge.rounds
    )
    write_rows(file, ["judge", *fields], rows)
