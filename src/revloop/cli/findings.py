"""Print findings about records on stderr and a summary on stdout, or both as JSON."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pydantic import Field

from revloop.cli import output
from revloop.cli.tables import print_table
from revloop.records import Finding
from revloop.values import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from revloop.records import LengthSummary, Report

_SHOWN_OF_A_KIND = 20


class RecordsWritten(Frozen):
    """What a command wrote, and what it could not use."""

    written: dict[str, int] = Field(description="Lines written, by file.")
    findings: tuple[Finding, ...] = Field(description="What could not be used, by line.")


def tell_findings(findings: Iterable[Finding]) -> None:
    """Print findings on stderr, at most 20 of each kind."""
    counts: Counter[str] = Counter()
    for finding in findings:
        counts[finding.kind.value] += 1
        if counts[finding.kind.value] <= _SHOWN_OF_A_KIND:
            output.say(f"line {finding.line}: {finding.kind.value}: {finding.reason}")
    for kind, count in counts.items():
        if count > _SHOWN_OF_A_KIND:
            output.say(f"... and {count - _SHOWN_OF_A_KIND} more of {kind}; --json lists them all")


def tell_outcome(outcome: RecordsWritten, *, as_json: bool) -> None:
    """Print what was written on stdout, and findings on stderr; as JSON, both on stdout."""
    if as_json:
        output.print_json(outcome.model_dump_json(indent=2))
        return
    tell_findings(outcome.findings)
    for name, count in outcome.written.items():
        output.results.print(output.printable(f"{name}: {count} lines"))


def print_report(report: Report) -> None:
    """Print a report on stdout, its findings on stderr."""
    tell_findings(report.findings)
    for what in report.not_checked:
        output.say(f"Not checked: {what}")
    output.results.print(f"{report.valid} of {report.lines} lines hold a valid record")
    _print_counts("can teach", report.lessons)
    output.results.print(f"fit the prompt set: {report.rendered}")
    _print_counts("findings", Counter(finding.kind.value for finding in report.findings))
    if report.languages:
        _print_counts("languages", report.languages)
    lengths = {f"{name} (characters)": found for name, found in report.characters.items()}
    if report.tokens is not None:
        lengths["rendered (tokens)"] = report.tokens
    if lengths:
        _print_lengths(lengths)


def _print_counts(heading: str, counts: Mapping[str, int]) -> None:
    text = ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"
    output.results.print(f"{heading}: {text}")


def _print_lengths(lengths: Mapping[str, LengthSummary]) -> None:
    rows = (
        [name, *map(str, (found.count, found.minimum, found.median, found.p95, found.maximum))]
        for name, found in lengths.items()
    )
    print_table(("length of", "texts", "least", "median", "95%", "most"), rows, left=1)
