"""Show the progress of a batch: a live table, plain lines, or JSON."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING

import anyio
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from revloop.cli import output
from revloop.values import duration

if TYPE_CHECKING:
    from rich.console import RenderableType

    from revloop.batch import Progress, Snapshot

_LINE_EVERY_S = 30.0
_FRAME_EVERY_S = 0.5
_LINE_COLUMNS = 80
_JOBS_SHOWN = 3
_ADDRESS = re.compile(r"https?://\S+")


async def follow(progress: Progress) -> None:
    """Show a batch on stderr until cancelled: live in a terminal, else a line every 30 s."""
    if output.is_live():
        with Live(console=output.progress, auto_refresh=False, transient=True) as live:
            while True:
                live.update(table(progress.snapshot()), refresh=True)
                await anyio.sleep(_FRAME_EVERY_S)
    told: Snapshot | None = None
    while True:
        await anyio.sleep(_LINE_EVERY_S)
        told = tell(progress, since=told)


def tell(progress: Progress, *, since: Snapshot | None = None) -> Snapshot:
    """Report the progress of a batch in one line, and the last failures below it.

    Args:
        progress: The batch's counts.
        since: The last report: causes that have not changed since are left out.
    """
    snapshot = progress.snapshot()
    output.report(line(snapshot), **asdict(snapshot))
    if not output.mode.as_json:
        for said in _causes(snapshot, since):
            output.say(said)
    return snapshot


def line(snapshot: Snapshot) -> str:
    """The progress of a batch, in one line."""
    parts = [f"{duration(snapshot.elapsed_s)}: {_done(snapshot)}", *_counts(snapshot)]
    if snapshot.verified:
        parts.append(f"{snapshot.verified} verified")
    parts += [f"{snapshot.versions} versions, {snapshot.versions_per_s:.1f}/s"]
    parts += [_tokens_per_s(snapshot)]
    if snapshot.abstained:
        parts.append(f"abstentions: {_abstained(snapshot)}")
    if snapshot.cached_share is not None:
        parts.append(f"{snapshot.cached_share:.0%} of the prompts from the cache")
    if snapshot.left_s is not None:
        parts.append(f"{duration(snapshot.left_s)} left")
    if snapshot.server_away_s is not None:
        parts.append(_waiting(snapshot))
    if snapshot.held_back:
        parts.append(_held_back(snapshot))
    if snapshot.is_stopping and snapshot.in_round:
        parts.append(_stopping(snapshot))
    if snapshot.jobs:
        parts.append(f"{_rounds(snapshot)}: {_jobs(snapshot)}")
    return ", ".join(parts)


def table(snapshot: Snapshot) -> RenderableType:
    """The progress of a batch, as a table for a terminal."""
    shown = Table.grid(padding=(0, 2))
    shown.add_column(style="cyan")
    shown.add_column()
    total = snapshot.trajectories
    bar = ProgressBar(total=total, completed=snapshot.done, width=40, pulse=total is None)
    shown.add_row("trajectories", _beside(bar, _done(snapshot)))
    rate = f"{snapshot.versions_per_s:.1f}/s, {_tokens_per_s(snapshot)}"
    shown.add_row("versions", f"{snapshot.versions}, {rate}")
    rounds = "  ".join(f"{number}: {count}" for number, count in snapshot.in_round.items())
    under_way = sum(snapshot.in_round.values())
    shown.add_row("under way", f"{under_way}, at most {snapshot.limit} requests at once")
    shown.add_row("in round", rounds or "none")
    share = snapshot.converged / snapshot.done if snapshot.done else 0.0
    if snapshot.jobs:
        shown.add_row("jobs", _jobs(snapshot))
    shown.add_row("converged", f"{share:.0%} of those done")
    if snapshot.verified:
        shown.add_row("verified", f"{snapshot.verified} pass all checks")
    if snapshot.abstained:
        shown.add_row("abstentions", Text(_abstained(snapshot), "yellow"))
    cached = snapshot.cached_share
    shown.add_row("prefix cache", "not counted" if cached is None else f"{cached:.0%} of prompts")
    bad = Text(", ".join(_counts(snapshot)) or "none", "red" if _counts(snapshot) else "")
    shown.add_row("failures", bad)
    if snapshot.last_failure is not None:
        said = cause(snapshot.last_failure, snapshot.last_failure_age_s)
        shown.add_row("last failure", _one_line(said, "red"))
    if snapshot.last_fault is not None:
        shown.add_row("sent again", _retries(snapshot))
        said = cause(snapshot.last_fault, snapshot.last_fault_age_s)
        shown.add_row("last fault", _one_line(said, "yellow"))
    left = "not known yet" if snapshot.left_s is None else duration(snapshot.left_s)
    shown.add_row("time", f"{duration(snapshot.elapsed_s)} so far, {left} left")
    if snapshot.server_away_s is not None:
        shown.add_row("server", Text(_waiting(snapshot), "yellow"))
    if snapshot.held_back:
        shown.add_row("rate limit", Text(_held_back(snapshot), "yellow"))
    if snapshot.is_stopping and snapshot.in_round:
        shown.add_row("stopping", Text(_stopping(snapshot), "yellow"))
    return shown


def _done(snapshot: Snapshot) -> str:
    of = "" if snapshot.trajectories is None else f" of {snapshot.trajectories}"
    return f"{snapshot.done}{of} done"


def _tokens_per_s(snapshot: Snapshot) -> str:
    share = snapshot.thinking_share
    of_thoughts = f" ({share:.0%} thoughts)" if share else ""
    return f"{snapshot.tokens_per_s:.0f} tokens/s{of_thoughts}"


def _abstained(snapshot: Snapshot) -> str:
    """On how many versions each judge of a panel gave no readable verdict."""
    return output.printable(
        ", ".join(
            f"{judge} on {count} version{'s' * (count > 1)}"
            for judge, count in snapshot.abstained.items()
        )
    )


def _waiting(snapshot: Snapshot) -> str:
    away_s, limit_s = snapshot.server_away_s or 0.0, snapshot.server_limit_s or 0.0
    return f"waiting for the server: {away_s:.0f} s of {limit_s:.0f} s"


def _held_back(snapshot: Snapshot) -> str:
    number = snapshot.held_back
    return f"{number} request{'s' * (number > 1)} held back by the rate limit"


def _stopping(snapshot: Snapshot) -> str:
    number = sum(snapshot.in_round.values())
    return f"waiting for {number} round{'s' * (number != 1)} to finish"


def _rounds(snapshot: Snapshot) -> str:
    """The rounds that trajectories are in: ``round 1``, ``rounds 1 to 3``."""
    first, last = min(snapshot.in_round, default=1), max(snapshot.in_round, default=1)
    return f"round {first}" if first == last else f"rounds {first} to {last}"


def _jobs(snapshot: Snapshot) -> str:
    """How far the jobs at a provider are: the first ones, and the number of the rest."""
    told = [
        f"{job.name or 'a job'} ({job.status.replace('_', ' ')}) has {job.done} of {job.requests} "
        f"requests done after {duration(job.elapsed_s)}"
        for job in snapshot.jobs[:_JOBS_SHOWN]
    ]
    if more := len(snapshot.jobs) - len(told):
        told.append(f"{more} more jobs")
    return output.printable("; ".join(told))


def _counts(snapshot: Snapshot) -> list[str]:
    parts = []
    if snapshot.failed:
        parts.append(f"{snapshot.failed} failed")
    if snapshot.rejected:
        parts.append(f"{snapshot.rejected} rejected")
    return parts


def _retries(snapshot: Snapshot) -> str:
    return "1 request" if snapshot.retries == 1 else f"{snapshot.retries} requests"


def _causes(snapshot: Snapshot, since: Snapshot | None) -> list[str]:
    """The last failures, in lines for a log, if they changed since the last report."""
    causes = []
    failure, fault = snapshot.last_failure, snapshot.last_fault
    if failure is not None and (since is None or failure != since.last_failure):
        causes.append(f"last failure: {cause(failure, snapshot.last_failure_age_s)}")
    if fault is not None and (since is None or snapshot.retries != since.retries):
        said = cause(fault, snapshot.last_fault_age_s)
        causes.append(f"{_retries(snapshot)} sent again, last: {said}")
    return [cut(f"  {told}", _LINE_COLUMNS) for told in causes]


def cause(said: str, age_s: float | None = None) -> str:
    """A failure and its age, without addresses: they fill the line, and there is one server."""
    ago = "" if age_s is None else f"{duration(age_s)} ago: "
    return output.printable(ago + " ".join(_ADDRESS.sub("the server", said).split()))


def cut(text: str, columns: int) -> str:
    """A text cut to a number of columns, with an ellipsis."""
    shown = Text(text)
    shown.truncate(columns, overflow="ellipsis")
    return shown.plain


def _one_line(text: str, style: str) -> Text:
    return Text(text, style, no_wrap=True, overflow="ellipsis")


def _beside(left: RenderableType, right: str) -> Table:
    both = Table.grid(padding=(0, 2))
    both.add_row(left, right)
    return both
