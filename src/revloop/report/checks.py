"""Checks on the page: their chart, and what a version shows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revloop.evaluation.tables import check_name
from revloop.report.chart_types import Lines, Point, Series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.evaluation import CheckFigures, Evaluation
    from revloop.trajectory import Check, Version

_MAX_CHECKS = 6


def by_check(evaluation: Evaluation) -> dict[str, list[CheckFigures]]:
    """The figures of all records, round by round, of each check; of all checks together first."""
    found: dict[str, list[CheckFigures]] = {}
    for row in evaluation.checks:
        if row.group is None:
            found.setdefault(check_name(row), []).append(row)
    return found


def chart_of_checks(evaluation: Evaluation) -> Lines:
    """The share of texts that pass each check, round by round."""
    found = by_check(evaluation)
    first, rows = next(iter(found.items()))
    rates = [f"round {row.round} {row.pass_rate:.1%}" for row in rows if row.pass_rate is not None]
    # those that fail most often, after all checks together
    often = sorted(list(found.items())[1:], key=lambda one: -one[1][0].failed_before)
    shown = [(first, rows), *often[: _MAX_CHECKS - 1]]
    omitted = len(found) - len(shown)
    more = f" The table has {omitted} more." if omitted else ""
    return Lines(
        name="checks",
        title="Checks passed by round",
        description=f"Share of the texts that pass {first}: {', '.join(rates)}.{more}",
        x_label="round, 0 = originals",
        y_label="pass rate",
        series=tuple(Series(name, _points(own)) for name, own in shown),
        is_share=True,
        caption=f"With Wilson's 95% intervals.{more}",
    )


def checks_of(version: Version) -> dict[str, Any]:
    """What a version shows of its checks."""
    veto = version.veto
    return {
        "passed": sum(check.passed is True for check in version.checks),
        "count": len(version.checks),
        "others": _others(version.checks),
        "veto": None
        if veto is None
        else {"kept": veto.incumbent, "checks": ", ".join(veto.checks)},
    }


def candidates_of(version: Version) -> list[dict[str, Any]]:
    """The other candidates of a version's round: their texts, and which checks they do not pass."""
    return [
        {"text": other.text, "others": [one["name"] for one in _others(other.checks)]}
        for other in (() if version.selection is None else version.selection.others)
    ]


def _others(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """The checks that do not pass: those that fail, and those that could not be run."""
    return [
        {"name": check.name, "failed": check.passed is False, "message": check.message}
        for check in checks
        if not check.passed
    ]


def _points(rows: Sequence[CheckFigures]) -> tuple[Point, ...]:
    return tuple(Point(r.round, r.pass_rate, r.pass_rate_low, r.pass_rate_high) for r in rows)
