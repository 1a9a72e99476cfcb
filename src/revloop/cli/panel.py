"""Printing what the judges of a panel said about a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from revloop.cli.output import printable
from revloop.trajectory import PanelComparison, results_of

if TYPE_CHECKING:
    from rich.console import Console

    from revloop.trajectory import Version, Vote


def print_votes(version: Version, console: Console) -> None:
    """Print how many judges prefer a version to the one kept before, and each judge's verdicts."""
    found = version.comparison
    if not isinstance(found, PanelComparison):
        return
    kept = "kept" if found.winner == found.challenger else "not kept"
    console.print(
        Text(
            f"version {version.round} against version {found.incumbent}: preferred by "
            f"{found.votes_for_challenger} of {len(found.votes)} judges, {kept}",
            style="bold cyan",
        )
    )
    lines = [printable(f"- {vote.judge}: {_said(vote)}") for vote in found.votes]
    console.print(Text("\n".join([*lines, ""])))


def _said(vote: Vote) -> str:
    """A judge's verdicts with the earlier text first and with the later one first, in words."""
    if vote.is_for_challenger is None:
        reasons = [one.reason for one in vote.verdicts if one.reason]
        return " ".join(f"abstains. {reasons[0] if reasons else ''}".split())
    old_first, new_first = results_of(vote.verdicts)
    return f"{old_first}, in the other order {new_first}"
