"""``revloop show``: list the trajectories of a store, or print one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from revloop.cli import output
from revloop.cli.stores import RunToRead, StoreToRead, tell_which_run
from revloop.cli.versions import print_trajectory
from revloop.errors import InputError
from revloop.files.paths import check_paths, standard_output
from revloop.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from revloop.trajectory import Trajectory

EXAMPLE = (
    "Example: `revloop show versions.sqlite` lists, `revloop show versions.sqlite 7` shows one."
)


def show(
    store: StoreToRead,
    draft_id: Annotated[
        str | None, typer.Argument(help="Id of a draft or trajectory.", metavar="[ID]")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print trajectories as JSON, one per line.")
    ] = False,
    thoughts: Annotated[
        bool, typer.Option("--thoughts", help="Print a reasoning model's thoughts too.")
    ] = False,
    run: RunToRead = None,
) -> None:
    """List the trajectories of a store, or print one with its versions and critiques."""
    check_paths([standard_output()], {"the store": store})
    with Store.open_to_read(store) as opened:
        tell_which_run(opened, run)
        found = list(opened.contents(run, name=draft_id)) if draft_id is not None else None
        if found is not None and not found:
            raise InputError(
                f"{store} has no trajectory '{draft_id}'{_elsewhere(opened, draft_id)}."
            )
        if as_json:
            for trajectory in found or opened.contents(run):
                output.print_json(trajectory.to_json())
        elif found is not None:
            for trajectory in found:
                print_trajectory(trajectory, thoughts=thoughts)
        else:
            _list(opened.contents(run))


def _elsewhere(opened: Store, name: str | None) -> str:
    """A note on which other runs have the trajectory."""
    runs = [str(run) for run in opened.run_ids() if any(opened.contents(run, name=name))]
    return f" in this run; --run {' or '.join(runs)} has one" if runs else ""


def _list(trajectories: Iterable[Trajectory]) -> None:
    """Print a line per trajectory as it is read: a store may hold millions."""
    output.results.print(_line("id", "rounds", "ended", "last version"), style="bold")
    for trajectory in trajectories:
        ended = "not yet" if trajectory.end is None else trajectory.end.reason.value
        name, preview = (
            output.printable(" ".join(text.split()))
            for text in (str(trajectory.draft.id), trajectory.final)
        )
        output.results.print(_line(name, str(trajectory.rounds), ended, preview))


def _line(draft_id: str, rounds: str, ended: str, preview: str) -> str:
    """A line of the list, cut to the terminal's width."""
    line = f"{draft_id:<16}  {rounds:>6}  {ended:<18}  {preview}"
    return output.shortened(line, output.width())
