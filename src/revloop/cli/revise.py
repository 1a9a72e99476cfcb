"""``revloop revise``: one response, from an argument, a file or standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from revloop.cli import output
from revloop.cli.batch_display import cause
from revloop.cli.checks import checks_line
from revloop.cli.counting import waiting
from revloop.cli.files import paths_read
from revloop.cli.generated import with_options
from revloop.cli.stores import tell_if_in_two_files
from revloop.cli.versions import totals, version_teller
from revloop.engines.factory import refuse_jobs
from revloop.engines.outage import ReportsFaults
from revloop.engines.rate_limiter import ObeysRateLimits
from revloop.errors import EngineError, InputError
from revloop.evaluation import reviser_keywords
from revloop.files.compression import STANDARD_INPUT
from revloop.files.paths import Kind, Writes, check_paths, standard_output
from revloop.files.text import read_text
from revloop.options import EngineOptions, RunOptions, StoreOptions
from revloop.reviser import Reviser
from revloop.trajectory import Draft, Trajectory, as_draft

if TYPE_CHECKING:
    from collections.abc import Sequence

EXAMPLE = (
    'Example: `revloop revise "Thier answer." --prompt "The question?" --iterations 3 '
    "--base-url http://127.0.0.1:8000`"
)


@with_options(loop=RunOptions, engine=EngineOptions, store=StoreOptions)
def revise(
    context: typer.Context,
    engine: EngineOptions,
    loop: RunOptions,
    store: StoreOptions,
    response: Annotated[
        str | None, typer.Argument(help="The response; left out: read from standard input.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="Read the response from this file.", metavar="PATH")
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="What the response answers.")] = None,
    draft_id: Annotated[
        str | None, typer.Option("--id", help="The draft's name in the store.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole trajectory as JSON.")
    ] = False,
) -> None:
    """Make one response better by rounds of critique and revision.

    The version that is kept (the last one, unless a judge chooses) goes to standard output,
    progress to standard error.
    """
    refuse_jobs(engine, "one response")
    reviser = Reviser(  # before anything is read: an unusable option ends it at once
        engine=engine,
        loop=loop,
        **reviser_keywords(loop),
        store=store.store,
        new_run=store.new_run,
    )
    kept = [] if store.store is None else [Writes(store.store, "the store", Kind.STORE)]
    reads = paths_read(engine, loop, judges=(*loop.judge, loop.selector))
    check_paths(
        [standard_output(), *kept],
        {"the response": file, **reads},
        data=STANDARD_INPUT if response is None and file is None else None,
    )
    tell_if_in_two_files(context, store.store)
    draft = _draft(_read_response(response, file), prompt, draft_id)
    with waiting("opening the critic", lambda: trouble(reviser.engines)) as wait_for, reviser:
        wait_for("revising")
        tell = version_teller(loop.iterations)
        trajectory = reviser.revise(draft, iterations=loop.iterations, on_version=tell)
    _print(trajectory, as_json=as_json)
    if trajectory.end is not None and trajectory.end.reason.is_failure:
        output.complain(f"Only {trajectory.rounds} of {loop.iterations} rounds were done.")
        raise typer.Exit(EngineError.exit_code)


def trouble(engines: Sequence[object]) -> str:
    """Why the requests to some engines take long; empty if nothing is known."""
    held = sum(one.held_back() for one in engines if isinstance(one, ObeysRateLimits))
    faults = [one.faults() for one in engines if isinstance(one, ReportsFaults)]
    known = [found for found in faults if found is not None]
    parts = ["held back by the rate limit"] if held else []
    if known:
        last = max(known, key=lambda found: found.last_at_s)
        parts.append(f"sent again {sum(one.retries for one in known)}x: {cause(last.last)}")
    return ", ".join(parts)


def _print(trajectory: Trajectory, *, as_json: bool) -> None:
    if trajectory.end is not None:
        output.say(f"{trajectory.end.detail} {totals(trajectory)}")
    if trajectory.kept != trajectory.rounds:
        output.say(f"Kept: version {trajectory.kept} of {trajectory.rounds}.")
    if checks := trajectory.versions[trajectory.kept].checks:
        output.say(f"Version {trajectory.kept}, {checks_line(checks)}.")
    if as_json:
        output.print_json(trajectory.model_dump_json(indent=2))
    else:
        output.print_text(trajectory.kept_text)


def _read_response(argument: str | None, file: Path | None) -> str:
    if argument is not None and file is not None:
        raise InputError("Give the response as an argument or with --file, not both.")
    if argument is not None:
        return argument
    if file is None and sys.stdin.isatty():
        output.say("Reading the response from standard input; end it with Ctrl-D.")
    return read_text(file)


def _draft(response: str, prompt: str | None, draft_id: str | None) -> Draft:
    named = {} if draft_id is None else {"id": draft_id}
    return as_draft({"response": response, "prompt": prompt, **named})
