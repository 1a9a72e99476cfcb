"""The words and numbers of the page around its charts, as HTML."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from revloop.report.summary import overall

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from revloop.evaluation import Evaluation, RoundFigures
    from revloop.report.gathering import Gathered
    from revloop.report.source import Source

_COLUMNS = (
    "round",
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
)
_AGAINST = {"original": "original", "previous": "round before"}


def tiles_of(source: Source, gathered: Gathered) -> str:
    """The few numbers to see first; harm before all others."""
    tiles: list[tuple[str, str, str]] = []
    last = _last_round(source.evaluation)
    if last is not None:
        kind = "alarm" if last.harm_rate else ""
        tiles += [
            (f"harmed after round {last.round}", _percent(last.harm_rate), kind),
            (f"win rate after round {last.round}", _percent(last.win_rate), ""),
        ]
    total = gathered.ended.total()
    versions = sum(row["rounds"] for row in gathered.rows)
    tokens = sum(cost.written_tokens for cost in gathered.costs.values())
    tiles += [
        ("trajectories", f"{total:,}", ""),
        ("revised versions", f"{versions:,}", ""),
        ("tokens written", f"{tokens:,}", ""),
    ]
    return "".join(
        f'<div class="{kind}"><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>'
        for name, value, kind in tiles
    )


def notes_of(source: Source, gathered: Gathered) -> str:
    """What a reader must know before the charts."""
    return "".join(f'<p class="note">{escape(note)}</p>' for note in _notes(source, gathered))


def tables_of(evaluation: Evaluation | None) -> str:
    """All figures, for those who want the numbers behind the charts."""
    if evaluation is None:
        return ""
    tables = [
        _table(f"{of_judge.judge.name}, against the {_AGAINST[against]}", evaluation, group, rows)
        for of_judge in evaluation.judges
        for (against, group), rows in groupby(of_judge.rounds, key=lambda r: (r.against, r.group))
    ]
    return (
        "<details><summary>All figures as a table</summary>"
        f"<p>docs/evaluation.md tells how to read them. -: not measured.</p>{''.join(tables)}"
        "</details>"
    )


def _last_round(evaluation: Evaluation | None) -> RoundFigures | None:
    if evaluation is None:
        return None
    rows = overall(evaluation.judges[0])
    return rows[-1] if rows else None


def _notes(source: Source, gathered: Gathered) -> Iterator[str]:
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
        for row in overall(of_judge):
            if row.missing or row.unjudged or row.unparseable:
                yield f"{of_judge.judge.name}, round {row.round}: {_left_out(row)}."


def _left_out(row: RoundFigures) -> str:
    parts = []
    if row.missing:
        parts.append(f"{row.missing} of {row.records + row.missing} records lack it, and count not")
    if row.unjudged:
        parts.append(f"{row.unjudged} of {row.records} records are not judged yet, so no figures")
    if row.unparseable:
        parts.append(f"{row.unparseable} verdicts could not be read, and count not")
    return "; ".join(parts)


def _table(
    heading: str, evaluation: Evaluation, group: str | None, rows: Iterator[RoundFigures]
) -> str:
    if group is not None:
        heading += f", {evaluation.split_by} = {group}"
    head = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
    body = "".join(
        "<tr>" + "".join(f"<td>{cell}</td>" for cell in _cells(row)) + "</tr>" for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(heading)}"><table>'
        f"<caption>{escape(heading)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _cells(row: RoundFigures) -> Sequence[str]:
    interval = f"{_percent(row.win_rate_low)} to {_percent(row.win_rate_high)}"
    return (
        str(row.round),
        str(row.wins),
        str(row.ties),
        str(row.losses),
        _percent(row.win_rate),
        "-" if row.win_rate_low is None else interval,
        _percent(row.length_controlled_win_rate),
        _percent(row.harm_rate),
        _percent(row.order_flip_share),
        "-" if row.length_ratio is None else f"{row.length_ratio:.2f}",
        _p_value(row.p_against),
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _p_value(p: float | None) -> str:
    if p is None:
        return "-"
    return "&lt;0.001" if p < 0.001 else f"{p:.3f}"
