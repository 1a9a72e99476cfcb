"""Figures as table rows, for people and for spreadsheets."""

from __future__ import annotations

from itertools import groupby
from textwrap import shorten
from typing import TYPE_CHECKING, TextIO

from revloop.evaluation.rounds import RoundFigures
from revloop.rows.spreadsheets import write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from revloop.evaluation.checks import CheckFigures
    from revloop.evaluation.criteria import CriterionFigures
    from revloop.evaluation.rounds import Evaluation, JudgeFigures
    from revloop.evaluation.spending import SpendingFigures

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
    "p (previous round)",
)
"""Headings of the cells of a round."""

CRITERIA_HEADING = "Criteria, as the critic scored them"
CRITERIA_COLUMNS = ("criterion", "round", "records", "met", "share met", "95% interval")
CHECK_COLUMNS = (
    "round",
    "records",
    "failed before",
    "fixed",
    "broken",
    "pass rate",
    "95% interval",
    "p",
)
"""Headings of the cells of a round of a check."""

SPENDING_HEADING = "What the rounds took"
SPENDING_COLUMNS = ("round", "requests", "input tokens", "cached", "output tokens", "cost")
WORTH_COLUMNS = ("round", "net wins", "a million tokens", "added by the round, a million tokens")
"""Headings of the cells of what a round took, and of what its tokens bought."""

ALL_CHECKS = "all checks"
"""The name of all checks of a text together."""

_AGAINST = {"original": "original response", "previous": "previous round"}
_NAME_CHARACTERS = 32


def write_figures(file: TextIO, evaluation: Evaluation) -> None:
    """Write all figures as CSV, a line for each round of a judge, of a check or of a criterion.

    Empty cells are not measured. Checks and criteria have columns of their own, if there are any.
    """
    rows: list[dict[str, object]] = [
        {"judge": of_judge.judge.name, **figures.model_dump()}
        for of_judge in evaluation.judges
        for figures in of_judge.rounds
    ]
    rows += [{**row.model_dump(), "check": check_name(row)} for row in evaluation.checks]
    rows += _spending_rows(evaluation)
    for row in evaluation.criteria:
        rows.append({"criterion": row.name, **row.model_dump(exclude={"name"})})
    own = (name for row in rows for name in row)
    columns = list(dict.fromkeys(["judge", *RoundFigures.model_fields, *own]))
    write_rows(file, columns, [[row.get(name) for name in columns] for row in rows])


def _spending_rows(evaluation: Evaluation) -> Iterator[dict[str, object]]:
    """What each round took, and what each judge makes of it."""
    for row in evaluation.spending:
        taken = row.model_dump(exclude={"worth"}) | {"currency": evaluation.currency}
        yield taken
        for worth in row.worth:
            yield {"round": row.round, **worth.model_dump()}


def headed_rows(
    of_judge: JudgeFigures, split_by: str | None
) -> Iterator[tuple[str, list[RoundFigures]]]:
    """A judge's tables, one for each comparison and group: heading and rows."""
    for (against, group), rows in groupby(of_judge.rounds, key=lambda r: (r.against, r.group)):
        heading = f"{of_judge.judge.name}, against the {_AGAINST[against]}"
        yield heading if group is None else f"{heading}, {split_by} = {group}", list(rows)


def headed_checks(evaluation: Evaluation) -> Iterator[tuple[str, list[CheckFigures]]]:
    """The tables of checks, one for each check and group: heading and rows."""
    for (name, group), rows in groupby(evaluation.checks, key=lambda r: (check_name(r), r.group)):
        heading = name if name == ALL_CHECKS else f"check {name}"
        yield (
            heading if group is None else f"{heading}, {evaluation.split_by} = {group}",
            list(rows),
        )


def check_name(figures: CheckFigures) -> str:
    """The name of a check, or what all checks together are called."""
    return ALL_CHECKS if figures.check is None else figures.check


def check_cells(row: CheckFigures) -> tuple[str, ...]:
    """A round of a check as text, one cell for each of ``CHECK_COLUMNS``."""
    interval = f"{percent(row.pass_rate_low)} to {percent(row.pass_rate_high)}"
    changes = (str(row.fixed), str(row.broken)) if row.round else ("-", "-")
    return (
        str(row.round),
        str(row.records),
        str(row.failed_before),
        *changes,
        percent(row.pass_rate),
        "-" if row.pass_rate_low is None else interval,
        _p_value(row.p),
    )


def left_out_of_check(row: CheckFigures) -> str:
    """What the figures of a round of a check exclude; empty if nothing."""
    parts = []
    if row.missing:
        parts.append(_lack_this_round(row.missing, row.missing + row.records + row.not_run))
    if row.not_run:
        of = f"{row.not_run} of {row.records + row.not_run} records"
        parts.append(f"{of} are not counted: the check could not be run")
    return "; ".join(parts)


def cells(row: RoundFigures) -> tuple[str, ...]:
    """A round as text, one cell for each of ``COLUMNS``; ``-`` is not measured."""
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


def criterion_cells(row: CriterionFigures) -> tuple[str, ...]:
    """A criterion after a round as text, one cell for each of ``CRITERIA_COLUMNS``."""
    interval = f"{percent(row.share_low)} to {percent(row.share_high)}"
    name = shorten(row.name, _NAME_CHARACTERS, placeholder=" …")
    return (name, str(row.round), str(row.records), str(row.met), percent(row.share), interval)


def spending_cells(row: SpendingFigures, currency: str | None) -> tuple[str, ...]:
    """What a round took as text, one cell for each of ``SPENDING_COLUMNS``."""
    return (
        str(row.round),
        f"{row.requests:,}",
        f"{row.prompt_tokens:,}",
        "-" if row.cached_tokens is None else f"{row.cached_tokens:,}",
        f"{row.generated_tokens:,}",
        "-" if row.cost is None else f"{row.cost:,.4f} {currency}",
    )


def headed_worths(evaluation: Evaluation) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """For each judge: heading, and a row of ``WORTH_COLUMNS`` for each round."""
    for index in range(min((len(row.worth) for row in evaluation.spending), default=0)):
        worths = [(row.round, row.worth[index]) for row in evaluation.spending]
        yield (
            f"What the tokens bought, by {worths[0][1].judge}",
            [
                (
                    str(number),
                    _number(worth.net_wins),
                    _number(worth.net_wins_a_million_tokens),
                    _number(worth.added_a_million_tokens),
                )
                for number, worth in worths
            ],
        )


def left_out(row: RoundFigures) -> str:
    """What the figures of a round exclude; empty if nothing."""
    parts = []
    if row.missing:
        parts.append(_lack_this_round(row.missing, row.records + row.missing))
    if row.win_rate is not None and row.counted < row.records and not row.unparseable:
        parts.append(
            f"the figures are about {row.counted} of {row.records} records: those that were judged "
            "of a random sample"
        )
    elif row.unjudged:
        parts.append(f"{row.unjudged} of {row.records} records are not judged yet, so no figures")
    if row.unparseable:
        asked = row.readable + row.unparseable
        parts.append(f"{row.unparseable} of {asked} verdicts could not be read and are not counted")
    return "; ".join(parts)


def coverage(row: RoundFigures) -> str:
    """How many records the figures of a round cover."""
    size = row.records + row.missing
    return f"of {size:,}" if row.counted == size else f"of {row.counted:,} of {size:,}"


def percent(share: float | None) -> str:
    """A share in per cent; ``-`` is not measured."""
    return "-" if share is None else f"{share:.1%}"


def _lack_this_round(missing: int, size: int) -> str:
    return f"{missing} of {size} records lack this round and are not counted"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}"


def _p_value(p: float | None) -> str:
    if p is None:
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"
