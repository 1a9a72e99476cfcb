"""``revloop batch``: a file of drafts goes in, a file of trajectories comes out."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated

import anyio
import typer

from revloop.batch import Batch, BatchOutcome, Budget, Ending, InputSource, Progress
from revloop.cli import exit_codes, output
from revloop.cli.batch_display import follow, tell
from revloop.cli.batch_ray import not_on_ray, one_server, run_on_ray
from revloop.cli.checks import tell_failed_checks
from revloop.cli.files import Force, named_output, paths_read
from revloop.cli.garbage import rare_collections
from revloop.cli.generated import with_options
from revloop.cli.interrupts import Interrupts, run_interruptibly
from revloop.cli.spending import no_budget_on_ray, tell_spending
from revloop.cli.stores import tell_if_in_two_files
from revloop.engines.retry import RetryPolicy
from revloop.errors import EngineError, InputError
from revloop.evaluation import reviser_keywords
from revloop.files.descriptors import descriptor, is_device
from revloop.files.endings import check_trajectories
from revloop.files.paths import Kind, Writes, check_paths
from revloop.files.store_files import batch_lock
from revloop.options import (
    BatchOptions,
    BudgetOptions,
    EngineOptions,
    RayOptions,
    RowOptions,
    RunOptions,
    StoreOptions,
    TracingOptions,
)
from revloop.reviser import AsyncReviser
from revloop.rows import STANDARD_OUTPUT, rejects_path
from revloop.tracing import exporting_traces

EXAMPLE = (
    "Example: `revloop batch drafts.jsonl revised.jsonl --base-url http://127.0.0.1:8000`. The "
    "same command resumes where it ended."
)
Input = Annotated[
    str,
    typer.Argument(
        metavar="INPUT",
        help="JSONL (plain, .gz, .zst), Parquet, the folder of a saved data set, "
        "hf:OWNER/NAME[:SPLIT], or - for standard input.",
    ),
]
Output = Annotated[
    Path,
    typer.Argument(
        metavar="OUTPUT",
        help="File to write: JSONL (plain, .gz or .zst) or .parquet, by its name; -: stdout.",
    ),
]


@with_options(
    rows=RowOptions,
    batch=BatchOptions,
    budget=BudgetOptions,
    store=StoreOptions,
    loop=RunOptions,
    ray=RayOptions,
    tracing=TracingOptions,
    engine=EngineOptions,
    without_flag=("base_url",),  # which may be given several times here: see RayOptions
)
def batch(
    context: typer.Context,
    rows: RowOptions,
    batch: BatchOptions,
    budget: BudgetOptions,
    store: StoreOptions,
    loop: RunOptions,
    ray: RayOptions,
    tracing: TracingOptions,
    engine: EngineOptions,
    source: Input,
    output_file: Output,
    force: Force = False,
) -> None:
    """Revise a file of drafts of any size; nothing finished is ever lost.

    The same command resumes where it ended. Ctrl-C once finishes the rounds under way, twice
    stops at once.
    """
    output_file = named_output(output_file)
    to_read = InputSource(source, form=rows.format, fields=rows.fields(), questions=rows.questions)
    read = paths_read(rows, budget, engine, loop, judges=(*loop.judge, loop.selector))
    if ray.servers:
        engine = engine.model_copy(update={"base_url": ray.servers[0]})
    if ray.address is not None:
        not_on_ray(
            store,
            batch,
            {"--force": force, "--log-json": output.mode.as_json, "--otel": tracing.otel},
        )
        no_budget_on_ray(budget)
        raise typer.Exit(run_on_ray(to_read, output_file, (engine, loop, batch, ray), read))
    one_server(ray.servers)
    batch = batch.for_engine(engine.kind)
    budget.refuse_jobs(engine)
    store_file = _store_path(store.store, output_file)
    retries = RetryPolicy.for_batch(batch.wait_for_server)
    reviser = AsyncReviser(  # before any work: an unusable option ends it at once
        engine=engine,
        loop=loop,
        **reviser_keywords(loop, retries=retries),
        store=store_file,
        new_run=store.new_run,
    )
    check_paths(_written(output_file, store_file, force=force), read, data=source)
    tell_if_in_two_files(context, store.store)
    to_read.check_there()
    spent = Budget(budget, budget.read_prices())
    progress = Progress()
    given = (to_read, output_file, reviser, batch, progress)
    run = partial(Batch, *given, iterations=loop.iterations, budget=spent)
    traces = exporting_traces(content=tracing.otel_content) if tracing.otel else nullcontext()
    with batch_lock(store_file), rare_collections(), traces:
        outcome = anyio.run(_run, run, reviser, progress)
    tell(progress)
    tell_spending(spent)
    if (suite := reviser.checks) is not None:
        tell_failed_checks(suite.failures, suite.first_failures)
    raise typer.Exit(_tell_outcome(outcome, output_file, store_file))


async def _run(
    make_batch: Callable[[], Batch], reviser: AsyncReviser, progress: Progress
) -> BatchOutcome | None:
    """Run a batch, show its progress, and let signals interrupt it; None if ended at once."""
    interrupts = Interrupts()

    async def work() -> BatchOutcome:
        async with reviser:
            running = make_batch()
            interrupts.on_first(running.interrupt)
            return await running.run()

    return await run_interruptibly(work, partial(follow, progress), interrupts)


def _tell_outcome(outcome: BatchOutcome | None, output_file: Path, store: Path) -> int:
    """Report how the batch ended; returns the exit code."""
    how = (
        f"Resume with the same command; export partial results with: revloop export {store} OUTPUT"
    )
    if outcome is None:
        output.complain(f"Interrupted. {how}")
        return exit_codes.INTERRUPTED
    if outcome.ending is not Ending.DONE:
        output.complain(f"{outcome.detail} {how}")
        return {
            Ending.INTERRUPTED: exit_codes.INTERRUPTED,
            Ending.STOPPED: exit_codes.STOPPED,
            Ending.ENGINE_GONE: EngineError.exit_code,
            Ending.OUT_OF_BUDGET: exit_codes.OUT_OF_BUDGET,
        }[outcome.ending]
    rejects = rejects_path(output_file)
    if outcome.rejected:
        where = "" if rejects is None else f": see {rejects}"
        first = outcome.first_reject
        why = "" if first is None else f" The first, row {first.number}: {first.reason}."
        rejected = "1 row was" if outcome.rejected == 1 else f"{outcome.rejected} rows were"
        output.complain(f"{rejected} rejected{where}.{why}")
    if outcome.failed:
        failed, them = output.trajectories(outcome.failed), "it" if outcome.failed == 1 else "them"
        failure = outcome.first_failure
        why = "" if failure is None else f" The first, {failure.draft_id}: {failure.detail}"
        output.complain(
            f"{failed} ended before all rounds were done; --retry-failed tries {them} again.{why}"
        )
    if output_file != STANDARD_OUTPUT:
        what = output.trajectories(outcome.rows)
        output.results.print(output.printable(f"{output_file}: {what}"))
    if outcome.failed:
        return EngineError.exit_code
    return exit_codes.REJECTED_ROWS if outcome.rejected else 0


def _store_path(store: Path | None, output_file: Path) -> Path:
    if store is not None:
        return store
    if descriptor(output_file) is not None or is_device(output_file):
        raise InputError(f"Name a store (--store PATH): {output_file} has no file beside it.")
    if output_file == STANDARD_OUTPUT:
        raise InputError("Name a store (--store PATH): standard output has no file to be beside.")
    return output_file.with_name(f"{output_file.name}.sqlite")


def _written(output_file: Path, store: Path, *, force: bool) -> list[Writes]:
    """What a batch writes; if its store exists, earlier outputs may be replaced."""
    may_replace = force or os.path.exists(store)  # noqa: PTH110 - unlike a Path's, it takes any name
    written = [
        Writes(store, "the store", Kind.STORE),
        Writes(output_file, may_replace=may_replace, check_ending=check_trajectories),
    ]
    if (rejects := rejects_path(output_file)) is not None:
        written.append(Writes(rejects, "the rejected rows", may_replace=may_replace))
    return written
