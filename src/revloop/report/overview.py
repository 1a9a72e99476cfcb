"""The headline numbers, notes and tables of the page, as HTML."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

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
from revloop.report.charts import as_words, overall
from revloop.report.checks import by_check
from revloop.report.panels import notes_on_panels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from revloop.evaluation import Evaluation
    from revloop.report.aggregates import Aggregates
    from revloop.report.source import ReportSource


class _Tile(NamedTuple):
    """A headline number, its name, what it covers, and ``alarm`` to highlight it."""

    name: str
    value: str
    of: str = ""
    kind: str = ""

    def html(self) -> str:
        of = f'<dd class="of">{escape(self.of)}</dd>' if self.of else ""
        return (
            f'<div class="{self.kind}"><dt>{escape(self.name)}</dt><dd>{escape(self.value)}</dd>'
            f"{of}</div>"
        )


def tiles_of(source: ReportSource, aggregates: Aggregates) -> str:
    """The headline numbers, harm first."""
    return "".join(tile.html() for tile in _tiles(source, aggregates))


def notes_of(source: ReportSource, aggregates: Aggregates) -> str:
    """What a reader must know before the charts."""
    return "".join(f'<p class="note">{escape(note)}</p>' for note in _notes(source, aggregates))


def tables_of(evaluation: Evaluation | None) -> str:
    """All figures, the numbers behind the charts."""
    if evaluation is None:
        return ""
    tables = [
        _table(heading, COLUMNS, map(cells, rows))
        for of_judge in evaluation.judges
        if not of_judge.is_unreadable
        for heading, rows in headed_rows(of_judge, evaluation.split_by)
    ]
    tables += [
        _table(heading, CHECK_COLUMNS, map(check_cells, of_check))
        for heading, of_check in headed_checks(evaluation)
    ]
    if evaluation.spending:
        taken = [spending_cells(row, evaluation.currency) for row in evaluation.spending]
        tables.append(_table(SPENDING_HEADING, SPENDING_COLUMNS, taken))
        tables += [_table(name, WORTH_COLUMNS, rows) for name, rows in headed_worths(evaluation)]
    if evaluation.criteria:
        rows = map(criterion_cells, evaluation.criteria)
        tables.append(_table(CRITERIA_HEADING, CRITERIA_COLUMNS, rows))
    return (
        "<details><summary>All figures as a table</summary>"
        f"<p>docs/evaluation.md explains them; - is not measured.</p>{''.join(tables)}"
        "</details>"
    )


def _tiles(source: ReportSource, aggregates: Aggregates) -> Iterator[_Tile]:
    if source.figures is not None and (rows := overall(source.figures)):
        last, judge = rows[-1], source.figures.judge.name
        of = f"{coverage(last)} trajectories, by {judge}"
        alarm = "alarm" if last.harm_rate else ""
        yield _Tile(f"harmed after round {last.round}", percent(last.harm_rate), of, alarm)
        yield _Tile(f"win rate after round {last.round}", percent(last.win_rate), of)
    if source.evaluation is not None and (checks := by_check(source.evaluation)):
        name, rows_of_check = next(iter(checks.items()))
        row, of_what = rows_of_check[-1], name if len(checks) > 1 else f"the check {name}"
        rate = f"before: {percent(rows_of_check[0].pass_rate)}; texts: {row.records:,}"
        yield _Tile(f"pass {of_what} after round {row.round}", percent(row.pass_rate), rate)
    total, failed = len(aggregates.rows), aggregates.results["failed"]
    yield _Tile("trajectories", f"{total:,}")
    if failed:
        yield _Tile("failed", f"{failed:,}", f"of {total:,} trajectories", "alarm")
    yield _Tile("revised versions", f"{sum(row['rounds'] for row in aggregates.rows):,}")
    yield from _of_edits(aggregates)
    generated = sum(cost.generated_tokens for cost in aggregates.costs.values())
    thinking = sum(cost.thinking_tokens for cost in aggregates.costs.values())
    of = f"{thinking:,} of them thoughts" if thinking else ""
    yield _Tile("generated tokens", f"{generated:,}", of)
    costs = [row.cost for row in source.evaluation.spending] if source.evaluation else []
    if source.evaluation and (known := [cost for cost in costs if cost is not None]):
        yield _Tile("cost", f"{sum(known):,.2f} {source.evaluation.currency}")


def _of_edits(aggregates: Aggregates) -> Iterator[_Tile]:
    """What became of edits, if any revision was written as edits."""
    if total := aggregates.edits.total():
        applied = sum(count for one, count in aggregates.edits.items() if one.is_applied)
        reasons = ", ".join(
            f"{count:,} {as_words(one)}"
            for one, count in aggregates.edits.most_common()
            if not one.is_applied
        )
        of = f"of {total:,}" + (f"; left out: {reasons}" if reasons else "")
        yield _Tile("edits applied", f"{applied:,}", of)
    if aggregates.rewrites:
        of = "versions whose edits could not be used"
        yield _Tile("rewrites", f"{aggregates.rewrites:,}", of)


def _notes(source: ReportSource, aggregates: Aggregates) -> Iterator[str]:
    if source.note:
        yield source.note
    if not aggregates.rounds:
        yield "No trajectory has a round: the store holds original responses only."
    yield from notes_on_panels(aggregates.panels)
    evaluation = source.evaluation
    if evaluation is None:
        return
    yield from _not_checked(evaluation)
    names = ", ".join(of_judge.judge.name for of_judge in evaluation.judges)
    if not names:
        return
    yield f"Judged by {names}. Models and functions judge each pair in both orders, people in one."
    for of_judge in evaluation.judges:
        if of_judge.is_unreadable:
            unread = sum(row.unparseable for row in overall(of_judge))
            yield (
                f"None of the {unread} verdicts of {of_judge.judge.name} could be read, so it has "
                "no charts and no figures."
            )
            continue
        for row in overall(of_judge):
            if absent := left_out(row):
                yield f"{of_judge.judge.name}, round {row.round}: {absent}."


def _not_checked(evaluation: Evaluation) -> Iterator[str]:
    """What the figures of checks exclude in the last round."""
    for name, of_check in by_check(evaluation).items():
        if absent := left_out_of_check(of_check[-1]):
            yield f"{name}, round {of_check[-1].round}: {absent}."


def _table(heading: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(heading)}"><table>'
        f"<caption>{escape(heading)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )
