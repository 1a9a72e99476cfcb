"""The figures of an evaluation as a table, with what a person must know to read it."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.table import Table

from revloop.cli import output
from revloop.evaluation.tables import COLUMNS, cells, left_out, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.evaluation import Evaluation, RoundFigures


def print_evaluation(evaluation: Evaluation) -> None:
    """Print a table for each judge, group and comparison, and what does not show in it."""
    for of_judge in evaluation.judges:
        for (against, group), rows in groupby(of_judge.rounds, key=lambda r: (r.against, r.group)):
            heading = f"{of_judge.judge.name}, against the {_AGAINST[against]}"
            if group is not None:
                heading += f", {evaluation.split_by} = {group}"
            output.results.rule(output.printable(heading))
            told = list(rows)
            output.results.print(_table(told))
            for note in _notes(told):
                output.results.print(note)
    _print_agreement(evaluation)
    output.results.print(
        f"Trajectories: {evaluation.trajectories}; failed: {evaluation.failed}; "
        f"not finished: {evaluation.unfinished}."
    )


_AGAINST = {"original": "original response", "previous": "round before"}


def _table(rows: Sequence[RoundFigures]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*cells(row))
    return table


def _notes(rows: Sequence[RoundFigures]) -> list[str]:
    """What is not in the figures, and why some are missing."""
    notes = [
        f"Round {row.round}: {left_out(row)}."
        for row in rows
        if row.missing or row.unjudged or row.unparseable
    ]
    figures = [figure for row in rows for figure in (row.win_rate, row.win_rate_low)]
    if None in figures:
        notes.append("-: not measured (see docs/evaluation.md).")
    return notes


def _print_agreement(evaluation: Evaluation) -> None:
    found = evaluation.agreement
    if found is None:
        return
    kappa = "cannot be told" if found.kappa is None else f"{found.kappa:.2f}"
    name = "Cohen's" if len(found.judges) == 2 else "Fleiss'"
    output.results.print(
        f"The {len(found.judges)} judges agree on {percent(found.share)} of {found.verdicts} "
        f"verdicts; {name} kappa: {kappa}."
    )
