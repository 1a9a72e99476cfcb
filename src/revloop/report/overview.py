"""The words and numbers of the page around its charts, as HTML."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from revloop.evaluation.tables import COLUMNS, cells, coverage, left_out, percent
from revloop.report.summary import overall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from revloop.evaluation import Evaluation, RoundFigures
    from revloop.report.gathering import Gathered
    from revloop.report.source import ReportSource

_AGAINST = {"original": "original", "previous": "round before"}


def tiles_of(source: ReportSource, gathered: Gathered) -> str:
    """The few numbers to see first; harm before all others."""
    return "".join(
        f'<div class="{tile.kind}"><dt>{escape(tile.name)}</dt><dd>{escape(tile.value)}</dd>'
        + (f'<dd class="of">{escape(tile.of)}</dd>' if tile.of else "")
        + "</div>"
        for tile in _tiles(source, gathered)
    )


class _Tile(NamedTuple):
    """A number with its name, what it is of, and ``alarm`` where it should catch the eye."""

    name: str
    value: str
    of: str = ""
    kind: str = ""


def _tiles(source: ReportSource, gathered: Gathered) -> Iterator[_Tile]:
    if source.figures is not None and (rows := overall(source.figures)):
        last, judge = rows[-1], source.figures.judge.name
        of = f"{coverage(last)} trajectories, by {judge}"
        alarm = "alarm" if last.harm_rate else ""
        yield _Tile(f"harmed after round {last.round}", percent(last.harm_rate), of, alarm)
        yield _Tile(f"win rate after round {last.round}", percent(last.win_rate), of)
    total, failed = gathered.ended.total(), gathered.results["failed"]
    yield _Tile("trajectories", f"{total:,}")
    if failed:
        yield _Tile("failed", f"{failed:,}", f"of {total:,} trajectories", "alarm")
    yield _Tile("revised versions", f"{sum(row['rounds'] for row in gathered.rows):,}")
    written = sum(cost.written_tokens for cost in gathered.costs.values())
    yield _Tile("tokens written", f"{written:,}")


def notes_of(source: ReportSource, gathered: Gathered) -> str:
    """What a reader must know before the charts."""
    return "".join(f'<p class="note">{escape(note)}</p>' for note in _notes(source, gathered))


def tables_of(evaluation: Evaluation | None) -> str:
    """All figures, for those who want the numbers behind the charts."""
    if evaluation is None:
        return ""
    tables = [
        _table(f"{of_judge.judge.name}, against the {_AGAINST[against]}", evaluation, group, rows)
        for of_judge in evaluation.judges
        if not of_judge.is_unreadable
        for (against, group), rows in groupby(of_judge.rounds, key=lambda r: (r.against, r.group))
    ]
    return (
        "<details><summary>All figures as a table</summary>"
        f"<p>docs/evaluation.md tells how to read them. -: not measured.</p>{''.join(tables)}"
        "</details>"
    )


def _notes(source: ReportSource, gathered: Gathered) -> Iterator[str]:
    if source.note:
        yield source.note
    if not gathered.rounds:
        yield "No trajectory has a round: there is nothing but the responses that came in."
    evaluation = source.evaluation
    if evaluation is None:
        return
    names = ", ".join(of_judge.judge.name for of_judge in evaluation.judges)
    yield f"Judged by {names}. Each pair was judged in both orders; people see it in one."
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


def _table(
    heading: str, evaluation: Evaluation, group: str | None, rows: Iterator[RoundFigures]
) -> str:
    if group is not None:
        heading += f", {evaluation.split_by} = {group}"
    head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells(row)) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(heading)}"><table>'
        f"<caption>{escape(heading)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )
