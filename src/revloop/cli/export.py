"""``revloop export``: what a version store holds, as a file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from revloop.cli import exit_codes, output
from revloop.cli.files import Force, named_output
from revloop.cli.options import StoreToRead
from revloop.cli.stores import RunToRead, tell_which_run
from revloop.files.endings import check_trajectories
from revloop.files.paths import Writes, check_paths
from revloop.rows import STANDARD_OUTPUT, open_output
from revloop.store import Losses, Store, salvage

EXAMPLE = "Example: `revloop export versions.sqlite versions.jsonl`"


def export(
    store: StoreToRead,
    output_file: Annotated[
        Path,
        typer.Argument(
            help="File to write: JSONL (plain, .gz or .zst) or .parquet, by its name; -: stdout.",
            metavar="OUTPUT",
        ),
    ],
    final_only: Annotated[
        bool,
        typer.Option(
            "--final-only",
            help="Each draft as it came in, with `response` replaced by the last version and the "
            "one that came in under `original_response`. Else: all versions.",
        ),
    ] = False,
    run: RunToRead = None,
    salvage_damaged: Annotated[
        bool,
        typer.Option(
            "--salvage",
            help="Write what can still be read of a damaged store, and say what cannot.",
        ),
    ] = False,
    force: Force = False,
) -> None:
    """Write what a store holds so far, even while another process adds to it."""
    output_file = named_output(output_file)
    check_paths(
        [Writes(output_file, may_replace=force, check_form=check_trajectories)],
        {"the store": store},
    )
    if not salvage_damaged:
        _write(store, output_file, run, final_only=final_only)
        return
    with tempfile.TemporaryDirectory(prefix="revloop-salvage-") as folder:
        whole = Path(folder) / store.name
        losses = salvage(store, whole)
        _write(whole, output_file, run, final_only=final_only)
    _tell_losses(store, losses)
    if losses:
        raise typer.Exit(exit_codes.LOST)


def _write(store: Path, output_file: Path, run: int | None, *, final_only: bool) -> None:
    written = unfinished = 0
    with (
        Store.open_to_read(store) as opened,
        open_output(output_file, final_only=final_only) as out,
    ):
        tell_which_run(opened, run)
        for trajectory in opened.contents(run):
            out.write(trajectory, {})
            written += 1
            unfinished += trajectory.end is None
    _tell(output_file, written, unfinished)


def _tell_losses(store: Path, losses: Losses) -> None:
    if not losses:
        output.say(f"{store}: every trajectory and every version was read.")
        return
    more = f", and {losses.after_a_gap} later versions of those" if losses.after_a_gap else ""
    output.complain(
        f"{store} is damaged. Lost, as far as can be told: {losses.trajectories} trajectories, "
        f"{losses.versions} versions{more}. Keep the store; a copy of it may hold them."
    )
    for line in losses.which:
        output.say(f"  lost: {line}")
    if losses.rebuilt:
        output.say(f"  {losses.rebuilt} versions 0 were made anew, of their drafts")


def _tell(path: Path, written: int, unfinished: int) -> None:
    what = "1 trajectory" if written == 1 else f"{written} trajectories"
    not_finished = f", {unfinished} of them not finished" if unfinished else ""
    if path == STANDARD_OUTPUT:
        output.say(f"{what}{not_finished}")
    else:
        output.results.print(output.printable(f"{path}: {what}{not_finished}"))
