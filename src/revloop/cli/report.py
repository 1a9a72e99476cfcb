"""``revloop report``: an HTML page of charts and trajectories."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio
import typer

from revloop.cli import output
from revloop.cli.evaluate import ask_all
from revloop.cli.files import Force, judges_read, new_file
from revloop.cli.generated import with_options
from revloop.cli.stores import StoreOrShards, store_in, what_is_read
from revloop.evaluation import EvaluationOptions, count_store
from revloop.files.atomic import translate_write_errors
from revloop.files.paths import Kind, Writes, check_free, check_paths
from revloop.report import (
    aggregate,
    charts_of,
    check_plots,
    open_source,
    picture_names,
    save_pictures,
    write_page,
)

if TYPE_CHECKING:
    from revloop.report import Aggregates, ReportSource

EXAMPLE = "Example: `revloop report versions.sqlite -o report.html --plots plots`"


@with_options(evaluation=EvaluationOptions, leave_out={"against", "concurrency"})
def report(
    store: StoreOrShards,
    evaluation: EvaluationOptions,
    out: Annotated[
        Path, typer.Option("--output", "-o", help="HTML file to write.", metavar="PATH")
    ] = Path("report.html"),
    plots: Annotated[
        Path | None,
        typer.Option(help="Also write each chart as PNG and SVG to this folder.", metavar="DIR"),
    ] = None,
    force: Force = False,
) -> None:
    """Make an HTML page of a store: charts of each round, and every trajectory.

    The page is a single file that works offline.
    """
    reads = {**what_is_read(store), **evaluation.paths_read(), **judges_read(evaluation.judge)}
    page = Writes(out, "the page", may_replace=force)
    if plots is None:
        check_paths([page], reads)
    else:
        check_plots()
        check_paths([page, Writes(plots, "the folder of charts", Kind.FOLDER)], reads)
    store, prices = store_in(store), evaluation.read_prices()
    contents = count_store(store, by=evaluation.by)
    rounds = evaluation.rounds or contents.rounds
    with new_file(out, force=force) as file:
        judges = None
        if evaluation.judge and rounds:
            judges = anyio.run(ask_all, store, evaluation, rounds)
        with open_source(store, judges, rounds=rounds, by=evaluation.by, prices=prices) as source:
            aggregates = aggregate(source)
            if plots is not None:
                _save(source, aggregates, plots, force=force)
            write_page(file, source, aggregates)
    output.results.print(f"The report is in {out}: open it in a browser.")
    if plots is not None:
        output.results.print(f"The charts are in {plots}.")


def _save(source: ReportSource, aggregates: Aggregates, folder: Path, *, force: bool) -> None:
    charts = charts_of(aggregates, source.evaluation)
    names = picture_names(charts)
    for name in () if force else names:
        check_free(folder / name)
    check_paths([Writes(folder / name, "a chart", makes_parents=True) for name in names])
    with translate_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        save_pictures(charts, folder)
