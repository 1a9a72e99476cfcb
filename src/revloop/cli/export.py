"""``revloop export``: write the contents of a version store to a file."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from revloop.cli import exit_codes, output
from revloop.cli.files import Force, make_folder, named_output, new_file
from revloop.cli.generated import with_options
from revloop.cli.stores import RunToRead, StoreOrShards, store_in, tell_which_run, what_is_read
from revloop.export import (
    BENCHMARKS,
    CARD_NAME,
    ROWS_NAME,
    ExportCounts,
    ExportOptions,
    card_of,
    check_ending_for,
    check_folder,
    check_form,
    told,
)
from revloop.export import export as export_store
from revloop.files.atomic import atomic_file
from revloop.files.paths import Writes, check_paths
from revloop.rows import STANDARD_OUTPUT
from revloop.store import Losses, Store, salvage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXAMPLE = (
    "Example: `revloop export versions.sqlite versions.jsonl`, or as training data: "
    "`revloop export versions.sqlite pairs.jsonl --as dpo`"
)


@with_options(export=ExportOptions)
def export(
    store: StoreOrShards,
    output_name: Annotated[
        str,
        typer.Argument(
            help="File to write: .jsonl, .jsonl.gz, .jsonl.zst, .parquet, or .csv for flat rows; "
            "-: stdout; a folder (NAME/): train.jsonl and README.md in it.",
            metavar="OUTPUT",
        ),
    ],
    export: ExportOptions,
    final_only: Annotated[
        bool,
        typer.Option(
            "--final-only",
            help="Write each input row with its final `response` and an `original_response`. "
            "Default: all versions.",
        ),
    ] = False,
    card: Annotated[
        Path | None,
        typer.Option(help="Also write a data set card to this file.", metavar="FILE"),
    ] = None,
    run: RunToRead = None,
    salvage_damaged: Annotated[
        bool,
        typer.Option(
            "--salvage",
            help="Read what is left of a damaged store, and report what is lost. An OUTPUT that "
            "ends in .sqlite becomes a store.",
        ),
    ] = False,
    force: Force = False,
) -> None:
    """Export a store, also while a batch still writes to it."""
    check_form(export, final_only=final_only, has_card=card is not None)
    output_file = named_output(Path(output_name))
    # unlike Path.is_dir, os.path.isdir accepts any name
    is_folder = output_name.endswith("/") or os.path.isdir(output_file)  # noqa: PTH112
    folder = output_file if is_folder else None
    if folder is not None:
        check_folder(export, folder)
        output_file, card = folder / ROWS_NAME, card or folder / CARD_NAME
    is_store = salvage_damaged and _may_be_store(output_file, export, final_only=final_only)
    check = _any_ending if is_store else check_ending_for(export)
    check_paths(_written(output_file, card, check, folder, force=force), what_is_read(store))
    store = store_in(store)
    if folder is not None:
        make_folder(folder)
    if not salvage_damaged:
        counts = _write(store, output_file, export, run, final_only=final_only)
        if card is not None:
            _write_card(card, card_of(store, export, counts, run=run), force=force)
        return
    with _salvaged(store) as salvaged:
        if is_store:
            _copy(salvaged, output_file)
        else:
            _write(salvaged, output_file, export, run, final_only=final_only)


@contextmanager
def _salvaged(store: Path) -> Iterator[Path]:
    """A store with what is left of a damaged one; afterwards, what is lost is told."""
    with tempfile.TemporaryDirectory(prefix="revloop-salvage-") as temporary:
        salvaged = Path(temporary) / store.name
        losses = salvage(store, salvaged)
        yield salvaged
    _tell_losses(store, losses)
    if losses:
        raise typer.Exit(exit_codes.LOST)


def _copy(store: Path, output_file: Path) -> None:
    with atomic_file(output_file) as made, store.open("rb") as file:
        shutil.copyfileobj(file, made)
    output.results.print(output.printable(f"{output_file}: what is left of {store.name}"))


def _written(
    rows: Path,
    card: Path | None,
    check: Callable[[Path], None],
    folder: Path | None,
    *,
    force: bool,
) -> list[Writes]:
    """What an export writes; the folder of a data set is created."""
    is_inside = folder is not None
    written = [Writes(rows, may_replace=force, makes_parents=is_inside, check_ending=check)]
    if card is not None:
        is_inside = card.parent == folder
        written.append(Writes(card, "the card", may_replace=force, makes_parents=is_inside))
    return written


def _may_be_store(path: Path, options: ExportOptions, *, final_only: bool) -> bool:
    """Whether what is salvaged is to be a store: all of it, in a file with that ending."""
    is_whole = not final_only and not {name for name, value in options.given.items() if value != ()}
    return is_whole and path.suffix.lower() == ".sqlite"


def _any_ending(_path: Path) -> None:
    """A store's name may end in anything."""


def _write(
    store: Path, output_file: Path, options: ExportOptions, run: int | None, *, final_only: bool
) -> ExportCounts:
    with Store.open_to_read(store) as opened:
        tell_which_run(opened, run)
    counts = export_store(store, output_file, options, run=run, final_only=final_only)
    if left_out := told(counts.left_out):
        output.say(f"Left out: {left_out}")
    if options.form in BENCHMARKS and (counts.unfinished or counts.failed):
        output.say(
            f"{counts.unfinished} unfinished and {counts.failed} failed trajectories answer with "
            "the version that they have."
        )
    _tell(output_file, counts, is_whole=options.form == "trajectories")
    return counts


def _write_card(path: Path, text: str, *, force: bool) -> None:
    with new_file(path, force=force) as file:
        file.write(text)
    output.say(f"{path}: the card; fill in source, licence and language")


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
    if losses.feedback:
        output.say(f"  lost with its version: {losses.feedback} times feedback of people")
    if losses.judges:
        output.say(
            f"  the names of {losses.judges} judges: their verdicts count again once they give "
            "another one"
        )


def _tell(path: Path, counts: ExportCounts, *, is_whole: bool) -> None:
    if is_whole:
        what = output.trajectories(counts.rows)
        what += f", {counts.unfinished} of them unfinished" if counts.unfinished else ""
    else:
        rows = "1 row" if counts.rows == 1 else f"{counts.rows} rows"
        what = f"{rows} of {output.trajectories(counts.trajectories)}"
    if path == STANDARD_OUTPUT:
        output.say(what)
    else:
        output.results.print(output.printable(f"{path}: {what}"))
