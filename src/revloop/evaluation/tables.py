"""Figures as rows of a table, for people and for spreadsheets."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, TextIO

from revloop.evaluation.rounds import RoundFigures

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from revloop.evaluation.rounds import Evaluation

COLUMNS = (
    "round",
    "records",
    "won",
    "tied",
    "lost",
    "win rate",
    "95% interval",
    "at equal length",
    "harmed",
    "flipped",
    "length",
    "p",
    "p (round before)",
)
"""What the cells of a round are called."""

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


def cells(row: RoundFigures) -> tuple[str, ...]:
    """The figures of a round for people, one for each of ``COLUMNS``; ``-``: not measured."""
    interval = f"{percent(row.win_rate_low)} to {percent(row.win_rate_high)}"
    return (
        str(row.round),
        str(row.counted),
        str(row.wins),
        str(row.ties),
        str(row.losses),
        percent(row.win_rate),
        "-" if row.win_rate_low is None else interval,
        percent(row.length_controlled_win_rate),
        percent(row.harm_rate),
        percent(row.order_flip_share),
        "-" if row.length_ratio is None else f"{row.length_ratio:.2f}",
        _p_value(row.p_against),
        _p_value(row.p_previous),
    )


def left_out(row: RoundFigures) -> str:
    """What is not in the figures of a round; empty where everything is."""
    parts = []
    if row.missing:
        parts.append(
            f"{row.missing} of {row.records + row.missing} records have no such round and are not "
            "counted"
        )
    if row.unjudged:
        parts.append(f"{row.unjudged} of {row.records} records are not judged yet, so no figures")
    if row.unparseable:
        asked = row.readable + row.unparseable
        parts.append(f"{row.unparseable} of {asked} verdicts could not be read and are not counted")
    return "; ".join(parts)


def coverage(row: RoundFigures) -> str:
    """Of how many records the figures of a round are."""
    size = row.records + row.missing
    return f"of {size:,}" if row.counted == size else f"of {row.counted:,} of {size:,}"


def percent(share: float | None) -> str:
    """A share for people; ``-``: not measured."""
    return "-" if share is None else f"{share:.1%}"


def _p_value(p: float | None) -> str:
    if p is None:
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"
