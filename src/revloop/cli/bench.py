"""``revloop bench``: measure throughput, and its share of the engine's limit."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio
import typer

from revloop.batch import InputSource
from revloop.bench import BenchResult, Workload, changes, different_settings, measure_throughput
from revloop.bench.plots import check_plot, plot_throughput
from revloop.cli import output
from revloop.cli.config_file import read_config
from revloop.cli.files import paths_read
from revloop.cli.generated import with_options
from revloop.cli.tables import print_table
from revloop.demo import CRITIC_FOLDER, demo_drafts
from revloop.engines import open_engine
from revloop.engines.english import is_proofreader, load_prompts
from revloop.engines.factory import DEMO, SHIPPED_CRITIC, refuse_jobs, require_engine
from revloop.errors import InputError
from revloop.files.paths import Writes, check_paths, standard_output
from revloop.options import (
    BatchOptions,
    BenchOptions,
    EditorOptions,
    EngineOptions,
    RunOptions,
)
from revloop.rows import Row
from revloop.serving import ServerOptions, VllmServer, stopping_on_sigterm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from revloop.bench import Spread
    from revloop.bench.throughput import Measurement
    from revloop.trajectory import Draft

EXAMPLE = "Example: `revloop bench throughput --model demo --drafts 512 --plot throughput.png`"
COMPARE_EXAMPLE = "Example: `revloop bench compare before.json after.json`"

_OFFERS_CACHE_RESET = "VLLM_SERVER_DEV_MODE"
_SHOWN = (
    *("wall_s", "rounds_per_s", "versions_per_s", "trajectories_per_s", "requests_per_s"),
    *("generated_tokens_per_s", "prompt_tokens_per_s", "computed_prompt_tokens_per_s"),
    *("cached_prompt_share", "cached_revision_prompt_share", "running_mean", "waiting_mean"),
    *("idle_share", "engine_s_per_version", "cpu_ms_per_version", "cpu_ms_per_request"),
    *("round_latency_s_p50", "round_latency_s_p90", "round_latency_s_p99"),
    *("trajectory_latency_s_p50", "trajectory_latency_s_p90", "trajectory_latency_s_p99"),
    *("first_revision_s_p50", "first_revision_s_p99", "accepted_draft_share"),
    *("calls_saved", "retries", "failed_requests", "failed_trajectories", "peak_mib"),
)

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.command(epilog=EXAMPLE)
@with_options(
    bench=BenchOptions,
    loop=RunOptions,
    batch=BatchOptions,
    engine=EngineOptions,
    leave_out=(BatchOptions.model_fields.keys() - {"min_concurrency", "max_concurrency"})
    | EditorOptions.model_fields.keys(),  # one engine is measured
    defaults={"early_stop": False},
)
def throughput(
    bench: BenchOptions,
    loop: RunOptions,
    batch: BatchOptions,
    engine: EngineOptions,
    result_file: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File for the result.", metavar="JSON"),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="File for a plot (.png or .svg).", metavar="PATH")
    ] = None,
) -> None:
    """Measure a batch and the engine's limit for the same work, in turn.

    Uses the server at --base-url, or runs --model in this process. --model demo starts a vLLM
    server with the demo critic, and stops it at the end.
    """
    require_engine(engine)
    refuse_jobs(engine, "a measurement")
    _tell_of_an_editor()
    reads = paths_read(engine, loop, judges=(*loop.judge, loop.selector))
    check_paths(_written(result_file, plot), reads, data=bench.input)
    if bench.input is not None:
        InputSource(bench.input).check_there()
    drafts = _read(bench.input) if bench.input else demo_drafts(bench.drafts, seed=loop.seed)
    workload = Workload(drafts, with_own_prompts(loop, engine), batch.bounds)
    with stopping_on_sigterm(), _reachable(engine) as reachable:
        measure = partial(_measure, reachable, workload, bench.repeats, with_oracle=bench.oracle)
        result = anyio.run(measure)
    _print_result(result)
    for note in result.notes:
        output.say(note)
    if result_file is not None:
        result.write(result_file)
        output.results.print(output.printable(f"The result is in {result_file}."))
    if plot is not None:
        plot_throughput(result, plot)
        output.results.print(output.printable(f"The plot is in {plot}."))


@app.command(epilog=COMPARE_EXAMPLE)
def compare(
    before: Annotated[Path, typer.Argument(help="Result of `bench throughput`.", metavar="BEFORE")],
    after: Annotated[Path, typer.Argument(help="Another result.", metavar="AFTER")],
    everything: Annotated[
        bool, typer.Option("--all", help="Also show figures within the noise.")
    ] = False,
) -> None:
    """Compare two results: which figures changed by more than the noise."""
    first, second = BenchResult.read(before), BenchResult.read(after)
    found = changes(first, second)
    for line in different_settings(first, second):
        output.say(output.printable(f"Different settings: {line}"))
    shown = [change for change in found if everything or change.is_beyond_noise]
    rows = []
    for change in shown:
        factor = "" if change.factor is None else f"{change.factor:.2f}"
        marked = factor if change.is_beyond_noise else f"{factor} (noise)"
        medians = _number(change.before.median), _number(change.after.median)
        rows.append((change.name, *medians, marked))
    if shown:
        print_table(("figure", "before", "after", "factor"), rows, left=1)
    within = sum(not change.is_beyond_noise for change in found)
    output.results.print(
        f"{len(found) - within} figures changed; {within} stayed within the noise."
    )


def with_own_prompts(loop: RunOptions, engine: EngineOptions) -> RunOptions:
    """The loop's options, which name the prompt set of a model that answers its own alone.

    Raises:
        InputError: Another set is chosen for it.
    """
    if not is_proofreader(engine):
        return loop
    own = load_prompts(loop.chosen_prompts, engine)
    return loop.model_copy(update={"prompts": own.name})


def _tell_of_an_editor() -> None:
    """Say that the editor of a file made for other commands is no part of the measurement."""
    file = read_config()
    if "editor" in file.tables.get("loop", {}):
        output.say(
            output.printable(
                f"The editor in {file.path} is left out: one engine is measured, with all requests."
            )
        )


def _written(result_file: Path | None, plot: Path | None) -> list[Writes]:
    written = [standard_output()]
    if result_file is not None:
        written = [Writes(result_file, "the result", makes_parents=True)]
    if plot is not None:
        written.append(Writes(plot, "the plot", makes_parents=True, check_ending=check_plot))
    return written


async def _measure(
    options: EngineOptions, workload: Workload, repeats: int, *, with_oracle: bool
) -> BenchResult:
    def tell(name: str, run: Measurement) -> None:
        requests = len(run.recording.answered)
        output.report(
            f"{name}: {requests} requests in {run.cost.wall_s:.1f} s",
            side=name,
            requests=requests,
            wall_s=run.cost.wall_s,
        )

    engine = await open_engine(options, shipped_critic=CRITIC_FOLDER)
    try:
        return await measure_throughput(
            engine, workload, repeats=repeats, with_oracle=with_oracle, on_run=tell
        )
    finally:
        await engine.aclose()


@contextmanager
def _reachable(options: EngineOptions) -> Iterator[EngineOptions]:
    """The options; for the demo critic, a server of it runs during the block."""
    if options.base_url is not None or options.model != DEMO:
        yield options
        return
    os.environ.setdefault(_OFFERS_CACHE_RESET, "1")
    serving = ServerOptions(
        model=str(CRITIC_FOLDER),
        served_model_name=SHIPPED_CRITIC,
        tensor_parallel_size=options.tensor_parallel_size,
    )
    with output.stages("starting vLLM") as tell, VllmServer(serving, on_progress=tell) as server:
        tell.stop()
        output.say(f"vLLM is up at {server.base_url}; its log: {server.log_path}")
        yield EngineOptions(base_url=server.base_url, model=server.model)


def _read(name: str) -> list[Draft]:
    drafts = [row.draft for row in InputSource(name).rows(None) if isinstance(row, Row)]
    if not drafts:
        raise InputError(f"{name} holds no usable draft.")
    return drafts


def _print_result(result: BenchResult) -> None:
    rows = []
    for name in _SHOWN:
        spreads = [side.figures.get(name) for side in result.sides.values()]
        if any(spread is not None for spread in spreads):
            rows.append([name, *("" if spread is None else _spread(spread) for spread in spreads)])
    print_table(("figure", *result.sides), rows, left=1)
    for name, spread in result.ratios.items():
        figures = f"{spread.median:.3f} ({spread.least:.3f} to {spread.most:.3f})"
        output.results.print(output.printable(f"{name}: {figures}"))


def _spread(spread: Spread) -> str:
    if spread.least == spread.most:
        return _number(spread.median)
    return f"{_number(spread.median)} ({_number(spread.least)} to {_number(spread.most)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
