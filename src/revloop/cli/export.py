"""``revloop export``: write the contents of a version store to a file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from revloop.cli import exit_codes, output
from revloop.cli.files import Force, named_output
from revloop.cli.stores import RunToRead, StoreToRead, tell_which_run
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
            help="File to write: .jsonl, .jsonl.gz, .jsonl.zst or .parquet; -: stdout.",
            metavar="OUTPUT",
        ),
    ],
    final_only: Annotated[
        bool,
        typer.Option(
            "--final-only",
            help="Write each input row with its final `response` and an `original_response`. "
            "Default: all versions.",
        ),
    ] = False,
    run: RunToRead = None,
    salvage_damaged: Annotated[
        bool,
        typer.Option(
            "--salvage",
            help="Read what is left of a damaged store, and report what is lost.",
        ),
    ] = False,
    force: Force = False,
) -> None:
    """Export a store, also while a batch still writes to it."""
    output_file = named_output(output_file)
    check_paths(
        [Writes(output_file, may_replace=force, check_ending=check_trajectories)],
        {"the store": store},
    )
    if not salvage_damaged:
        _write(store, output_file, run, final_only=final_only)
        return
    with tempfile.TemporaryDirectory(prefix="revloop-salvage-") as folder:
        salvaged = Path(folder) / store.name
        losses = salvage(store, salvaged)
        _write(salvaged, output_file, run, final_only=final_only)
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
            out.write(trajectory)
            written += 1
            unfinished += trajectory.end is None
    _tell(output_file, written, unfinished)


def _tell_losses(store: Path, losses: Losses) -> None:
    if not losses:
        output.say(f"{store}: no trajectory and no version is lost.")
        return
    more = (
        f", and {losses.after_a_gap} later versions of the same trajectories"
        if losses.after_a_gap
        else ""
    )
    output.complain(
        f"{store} is damaged. Known to be lost: {losses.trajectories} trajectories, "
        f"{losses.versions} versions{more}. Keep the store: a backup may hold the rest."
    )
    for line in losses.which:
        output.say(f"  lost: {line}")
    if losses.rebuilt:
        output.say(f"  rebuilt from the draft: {losses.rebuilt} versions 0")


def _tell(path: Path, written: int, unfinished: int) -> None:
    what = output.trajectories(written)
    not_finished = f", {unfinished} of them unfinished" if unfinished else ""
    if path == STANDARD_OUTPUT:
        output.say(f"{what}{not_finished}")
    else:
        output.results.print(output.printable(f"{path}: {what}{not_finished}"))
