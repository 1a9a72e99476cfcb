"""Print the figures of an evaluation as tables, with notes on how to read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.cli import output
from revloop.cli.tables import print_heading, print_table
from revloop.evaluation.tables import (
    CHECK_COLUMNS,
    COLUMNS,
    CRITERIA_COLUMNS,
    CRITERIA_HEADING,
    SPENDING_COLUMNS,
    SPENDING_HEADING,
    WORTH_COLUMNS,
    cells,
    check_cells,
    coverage,
    criterion_cells,
    headed_checks,
    headed_rows,
    headed_worths,
    left_out,
    left_out_of_check,
    percent,
    spending_cells,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from revloop.evaluation import Agreement, CheckFigures, Evaluation, JudgeFigures, RoundFigures


def print_evaluation(evaluation: Evaluation) -> None:
    """Print a table for each judge, check, group and comparison, with notes below it."""
    for of_judge in evaluation.judges:
        if of_judge.is_unreadable:
            _print_unreadable(of_judge)
            continue
        for heading, rows in headed_rows(of_judge, evaluation.split_by):
            print_heading(heading)
            print_table(COLUMNS, map(cells, rows))
            for note in _notes(rows):
                output.results.print(note)
    if evaluation.criteria:
        print_heading(CRITERIA_HEADING)
        print_table(CRITERIA_COLUMNS, map(criterion_cells, evaluation.criteria), left=1)
    for heading, of_check in headed_checks(evaluation):
        print_heading(heading)
        print_table(CHECK_COLUMNS, map(check_cells, of_check))
        for rounds, absent in _grouped(of_check):
            output.results.print(f"{rounds}: {absent}.")
    _print_spending(evaluation)
    output.results.print()
    print_agreement(evaluation.agreement)
    output.results.print(
        f"Trajectories: {evaluation.trajectories}; failed: {evaluation.failed}; "
        f"not finished: {evaluation.unfinished}."
    )


def _print_spending(evaluation: Evaluation) -> None:
    if not evaluation.spending:
        return
    cells_of = [spending_cells(row, evaluation.currency) for row in evaluation.spending]
    print_heading(SPENDING_HEADING)
    print_table(SPENDING_COLUMNS, cells_of)
    for heading, rows in headed_worths(evaluation):
        print_heading(heading)
        print_table(WORTH_COLUMNS, rows)


def _print_unreadable(of_judge: JudgeFigures) -> None:
    print_heading(of_judge.judge.name)
    unread = sum(row.unparseable for row in of_judge.rounds if row.group is None)
    output.results.print(
        f"None of its {unread} verdicts could be read, so there are no figures. Try another "
        "judge, or another prompt set (--judge-prompts)."
    )


def _notes(rows: Sequence[RoundFigures]) -> list[str]:
    """How many records the figures cover, what is left out, and why some are missing."""
    notes = []
    last = rows[-1]
    if last.win_rate is not None and last.missing:
        notes.append(
            f"After round {last.round}: {percent(last.win_rate)} {coverage(last)} trajectories."
        )
    notes += [f"Round {row.round}: {left_out(row)}." for row in rows if left_out(row)]
    figures = [figure for row in rows for figure in (row.win_rate, row.win_rate_low)]
    if None in figures:
        notes.append("-: not measured (see docs/evaluation.md).")
    return notes


def _grouped(rows: Sequence[CheckFigures]) -> Iterator[tuple[str, str]]:
    """What the figures of a check exclude, once for all rounds where it is the same."""
    by_note: dict[str, list[str]] = {}
    for row in rows:
        if absent := left_out_of_check(row):
            by_note.setdefault(absent, []).append(str(row.round))
    for absent, rounds in by_note.items():
        yield f"{'Round' if len(rounds) == 1 else 'Rounds'} {', '.join(rounds)}", absent


def print_agreement(found: Agreement | None) -> None:
    """Print how far several judges agree; nothing with one."""
    if found is None:
        return
    kappa = "undefined" if found.kappa is None else f"{found.kappa:.2f}"
    output.results.print(
        f"The {len(found.judges)} judges agree on {percent(found.share)} of {found.verdicts} "
        f"verdicts; {found.kappa_name} kappa: {kappa}."
    )
