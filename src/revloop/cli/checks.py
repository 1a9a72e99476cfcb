"""Printing what checks found in the versions of a text."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rich.text import Text

from revloop.cli.output import printable, report, width

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console

    from revloop.trajectory import Check, Version


def print_checks(version: Version, console: Console) -> None:
    """Print what the checks found in a version, what it breaks, and the other candidates' checks.

    Messages are wrapped line by line: a command's output has several.
    """
    if version.checks:
        heading = f"version {version.round}, {checks_passed(version.checks)}"
        console.print(Text(heading, style="bold cyan"))
        lines = [line for check in version.checks for line in _lines(check, width(console))]
        console.print(Text("\n".join([*lines, ""])))
    if version.veto is not None:
        names = ", ".join(version.veto.checks)
        said = f"version {version.round} is not kept: it breaks {names}, which version "
        _print_dim(f"{said}{version.veto.incumbent} passes", console)
    for other in () if version.selection is None else version.selection.others:
        if other.checks:
            _print_dim(f"another candidate, {checks_line(other.checks)}", console)


def checks_passed(checks: Sequence[Check]) -> str:
    """How many checks a text passes, in words."""
    return f"checks passed: {sum(check.passed is True for check in checks)} of {len(checks)}"


def checks_line(checks: Sequence[Check]) -> str:
    """How many checks a text passes, and the names of the others."""
    others = (_fault(check) for check in checks if not check.passed)
    return "; ".join([checks_passed(checks), *others])


def tell_failed_checks(not_run: Mapping[str, int], first_reasons: Mapping[str, str]) -> None:
    """Report the checks that could not be run on some texts, with the first reason of each."""
    for name, number in not_run.items():
        texts = "1 text" if number == 1 else f"{number} texts"
        why = " ".join(first_reasons[name].split())
        report(
            f"The check {name} could not be run for {texts}: {why}",
            check=name,
            not_run=number,
            first_reason=why,
        )


def _lines(check: Check, columns: int) -> Iterator[str]:
    """The lines of a check that does not pass: its name, then its message."""
    if check.passed:
        return
    said = f"- {_fault(check)}{': ' if check.message else ''}{check.message}"
    for number, line in enumerate(printable(said).split("\n")):
        indent = "" if number == 0 else "  "
        yield from textwrap.wrap(
            line,
            columns,
            initial_indent=indent,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _fault(check: Check) -> str:
    return f"{check.name} {'could not be run' if check.passed is None else 'fails'}"


def _print_dim(said: str, console: Console) -> None:
    console.print(Text(printable(said), style="dim"))
