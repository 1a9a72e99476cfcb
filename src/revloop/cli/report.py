"""``revloop report``: an HTML page of charts and trajectories."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio
import typer

from revloop.cli import output
from revloop.cli.compared import (
    By,
    PromptsOfJudges,
    RoundsTold,
    StoreOrShards,
    store_in,
    what_is_read,
)
from revloop.cli.evaluate import ask_all
from revloop.cli.files import Force, judges_read, new_file
from revloop.evaluation import (
    DEFAULT_CONCURRENCY,
    ORIGINAL,
    count_store,
)
from revloop.files.atomic import translate_write_errors
from revloop.files.paths import Kind, Writes, check_free, check_paths
from revloop.options import DEFAULT_JUDGE_PROMPTS
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


def report(
    store: StoreOrShards,
    out: Annotated[
        Path, typer.Option("--output", "-o", help="HTML file to write.", metavar="PATH")
    ] = Path("report.html"),
    plots: Annotated[
        Path | None,
        typer.Option(help="Also write each chart as PNG and SVG to this folder.", metavar="DIR"),
    ] = None,
    judge: Annotated[
        list[str] | None,
        typer.Option(
            help="Who compares, as for `revloop evaluate`; the first decides which trajectories "
            "count as harmed. Default: the judges whose verdicts the store holds.",
            metavar="JUDGE",
        ),
    ] = None,
    judge_prompts: PromptsOfJudges = DEFAULT_JUDGE_PROMPTS,
    by: By = None,
    rounds: RoundsTold = None,
    force: Force = False,
) -> None:
    """Make an HTML page of a store: charts of each round, and every trajectory.

    The page is a single file that works offline.
    """
    reads: dict[str, str | Path | None] = {**what_is_read(store), **judges_read(judge or [])}
    reads["the judges' prompts"] = judge_prompts
    page = Writes(out, "the page", may_replace=force)
    if plots is None:
        check_paths([page], reads)
    else:
        check_plots()
        check_paths([page, Writes(plots, "the folder of charts", Kind.FOLDER)], reads)
    store = store_in(store)
    contents = count_store(store, by=by)
    told = rounds or contents.rounds
    with new_file(out, force=force) as file:
        judges = None
        if judge and told:
            ask = partial(
                ask_all,
                store,
                judge,
                prompts=judge_prompts,
                rounds=told,
                against=ORIGINAL,
                concurrency=DEFAULT_CONCURRENCY,
            )
            judges = anyio.run(ask)
        with open_source(store, judges, rounds=told, by=by) as source:
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
