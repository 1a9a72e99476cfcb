"""``revloop batch``: a file of drafts goes in, a file of trajectories comes out."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import typer

from revloop.batch import (
    DEFAULT_MAX_CONCURRENCY,
    DEFAULT_MIN_CONCURRENCY,
    Batch,
    BatchOptions,
    BatchOutcome,
    Concurrency,
    Ending,
    InputSource,
    Progress,
    Tolerance,
    failures_allowed,
)
from revloop.cli import exit_codes, output
from revloop.cli.batch_display import follow, tell
from revloop.cli.batch_options import (
    BatchStore,
    Fields,
    FinalOnly,
    Form,
    Input,
    LogJson,
    MaxConcurrency,
    MaxFailures,
    MinConcurrency,
    Output,
    Questions,
    RetryFailed,
    ShareDuplicates,
    Strict,
    WaitForServer,
    read_fields,
)
from revloop.cli.batch_ray import (
    Actors,
    BaseUrls,
    Ray,
    RowsInFlight,
    ShardFormat,
    ShardRows,
    ShardsAs,
    one_server,
    refuse,
    run_on_ray,
    shards_written,
)
from revloop.cli.files import Force, judges_read, named_output
from revloop.cli.interrupts import Interrupts, run_interruptibly
from revloop.cli.options import (
    ApiKeyFile,
    Candidates,
    EarlyStop,
    Iterations,
    Judge,
    JudgePrompts,
    KeepWhich,
    Model,
    NewRun,
    Prompts,
    Seed,
    SinglePass,
    StopScore,
    Temperature,
    TensorParallelSize,
    Tokenizer,
    TopP,
    judge_opener,
)
from revloop.distributed import DEFAULT_IN_FLIGHT, DEFAULT_SHARD_ROWS, RayOptions
from revloop.engines.retry import RetryPolicy
from revloop.errors import EngineError, InputError
from revloop.files.atomic import is_device
from revloop.files.descriptors import descriptor
from revloop.files.endings import check_trajectories
from revloop.files.lock import only_batch_on
from revloop.files.paths import Kind, Writes, check_paths
from revloop.options import DEFAULT_ITERATIONS, DEFAULT_JUDGE_PROMPTS, DEFAULT_PROMPTS
from revloop.options.engine import read_key
from revloop.reviser import AsyncReviser
from revloop.rows import AUTO, STANDARD_OUTPUT, rejects_path

if TYPE_CHECKING:
    from revloop.reviser import ReviserOptions

EXAMPLE = (
    "Example: `revloop batch drafts.jsonl revised.jsonl --base-url http://127.0.0.1:8000`. The "
    "same command again goes on where it ended."
)

_TRIES = 20
"""An engine that has died is away for a while in all but its port: it answers 500."""
_WAIT_FOR_SERVER_S = 900.0
"""A run over a weekend should outlive a server's restart: a large model is up in some minutes."""


def batch(
    source: Input,
    output_file: Output,
    field: Fields = None,
    form: Form = AUTO,
    questions: Questions = None,
    share_duplicates: ShareDuplicates = False,
    final_only: FinalOnly = False,
    force: Force = False,
    iterations: Iterations = DEFAULT_ITERATIONS,
    store: BatchStore = None,
    new_run: NewRun = False,
    retry_failed: RetryFailed = False,
    strict: Strict = False,
    max_failures: MaxFailures = None,
    wait_for_server: WaitForServer = _WAIT_FOR_SERVER_S,
    min_concurrency: MinConcurrency = DEFAULT_MIN_CONCURRENCY,
    max_concurrency: MaxConcurrency = DEFAULT_MAX_CONCURRENCY,
    base_url: BaseUrls = None,
    model: Model = None,
    tensor_parallel_size: TensorParallelSize = 1,
    tokenizer: Tokenizer = None,
    api_key_file: ApiKeyFile = None,
    prompts: Prompts = DEFAULT_PROMPTS,
    single_pass: SinglePass = False,
    temperature: Temperature = None,
    top_p: TopP = None,
    seed: Seed = 0,
    early_stop: EarlyStop = True,
    stop_score: StopScore = None,
    keep: KeepWhich = "last",
    candidates: Candidates = 1,
    judge: Judge = None,
    judge_prompts: JudgePrompts = DEFAULT_JUDGE_PROMPTS,
    log_json: LogJson = False,
    ray: Ray = None,
    actors: Actors = None,
    rows_in_flight: RowsInFlight = DEFAULT_IN_FLIGHT,
    shard_rows: ShardRows = DEFAULT_SHARD_ROWS,
    shard_format: ShardsAs = ShardFormat.JSONL,
) -> None:
    """Revise a file of drafts: any size, and nothing that was finished is ever lost.

    The same command again goes on where it ended. Ctrl-C once finishes the rounds under way, twice
    stops at once.
    """
    reviser: ReviserOptions = {
        "model": model,
        "tensor_parallel_size": tensor_parallel_size,
        "tokenizer": tokenizer,
        "api_key": None if api_key_file is None else read_key(api_key_file),
        "prompts": prompts,
        "single_pass": single_pass,
        "temperature": temperature,
        "top_p": top_p,
        "seed": seed,
        "early_stop": early_stop,
        "stop_score": stop_score,
        "keep": keep,
        "candidates": candidates,
        "judge": judge_opener(judge, judge_prompts),
        "retries": _patience(wait_for_server),
    }
    read = {
        "the questions": questions,
        "the prompt set": prompts,
        "the model": model,
        "the tokenizer": tokenizer,
        "the key": api_key_file,
        "the judges' prompts": judge_prompts,
        **judges_read([judge]),
    }
    output_file = named_output(output_file)
    source_read = InputSource(source, form=form, fields=read_fields(field), questions=questions)
    options = BatchOptions(
        iterations=iterations,
        bounds=Concurrency(min_concurrency, max_concurrency),
        retry_failed=retry_failed,
        share_duplicates=share_duplicates,
        final_only=final_only,
        tolerance=_tolerance(max_failures, strict=strict),
    )
    if ray is not None:
        refuse(
            {
                "--store": store is not None,
                "--new-run": new_run,
                "--force": force,
                "--retry-failed": retry_failed,
                "--share-duplicates": share_duplicates,
                "--strict": strict,
                "--max-failures": max_failures is not None,
                "--log-json": log_json,
            }
        )
        spread = RayOptions(
            ray, (), actors, rows_in_flight, shard_rows, shard_form=shard_format.value
        )
        check_paths(shards_written(output_file), read, data=source)
        raise typer.Exit(run_on_ray(source_read, output_file, base_url, reviser, options, spread))
    store = _store_path(store, output_file)
    reviser |= {"base_url": one_server(base_url), "store": store, "new_run": new_run}
    reviser_to_open = AsyncReviser(**reviser)  # options that cannot be used end it before any work
    check_paths(_written(output_file, store, force=force), read, data=source)
    source_read.check_there()
    outcome = _run(source_read, output_file, reviser_to_open, options, store, log_json=log_json)
    raise typer.Exit(_tell_outcome(outcome, output_file, store))


def _run(
    source: InputSource,
    output_file: Path,
    reviser: AsyncReviser,
    options: BatchOptions,
    store: Path,
    *,
    log_json: bool,
) -> BatchOutcome | None:
    """Run a batch, shown and ready to be interrupted; None if it was ended at once."""
    progress, interrupts = Progress(), Interrupts()

    async def work() -> BatchOutcome:
        async with reviser:
            running = Batch(source, output_file, reviser, options, progress)
            interrupts.on_first(running.interrupt)
            return await running.run()

    show = partial(follow, progress, as_json=log_json)
    with only_batch_on(store):
        outcome = anyio.run(run_interruptibly, work, show, interrupts)
    tell(progress, as_json=log_json)
    return outcome


def _patience(wait_for_server_s: float) -> RetryPolicy:
    """Many tries, and a long wait, unless nobody wants to wait."""
    if not wait_for_server_s:
        return RetryPolicy()
    return RetryPolicy(attempts=_TRIES, wait_for_server_s=wait_for_server_s)


def _tolerance(max_failures: str | None, *, strict: bool) -> Tolerance:
    number, share = (None, None) if max_failures is None else failures_allowed(max_failures)
    return Tolerance(strict=strict, failures=number, failure_share=share)


def _tell_outcome(outcome: BatchOutcome | None, output_file: Path, store: Path) -> int:
    """Say how it ended; returns the exit code."""
    how_to_go_on = f"The same command goes on. What there is so far: revloop export {store} OUTPUT"
    if outcome is None:
        output.complain(f"Interrupted. {how_to_go_on}")
        return exit_codes.INTERRUPTED
    if outcome.ending is not Ending.DONE:
        output.complain(f"{outcome.detail} {how_to_go_on}")
        return {
            Ending.INTERRUPTED: exit_codes.INTERRUPTED,
            Ending.STOPPED: exit_codes.STOPPED,
            Ending.ENGINE_GONE: EngineError.exit_code,
        }[outcome.ending]
    rejects = rejects_path(output_file)
    if outcome.rejected:
        where = "" if rejects is None else f": see {rejects}"
        first = outcome.first_reject
        why = "" if first is None else f" The first, row {first.number}: {first.reason}."
        output.complain(f"{outcome.rejected} rows were rejected{where}.{why}")
    if outcome.failed:
        output.complain(
            f"{outcome.failed} trajectories ended before all rounds were done; --retry-failed "
            "tries them again."
        )
    if output_file != STANDARD_OUTPUT:
        output.results.print(output.printable(f"{output_file}: {outcome.rows} trajectories"))
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
    """All that a batch writes; where its store is there, what it wrote before is replaced."""
    may_replace = force or os.path.exists(store)  # noqa: PTH110 - unlike a Path's, it takes any name
    written = [
        Writes(store, "the store", Kind.STORE),
        Writes(output_file, may_replace=may_replace, check_form=check_trajectories),
    ]
    rejects = rejects_path(output_file)
    return [
        *written,
        *(
            []
            if rejects is None
            else [Writes(rejects, "the rejected rows", may_replace=may_replace)]
        ),
    ]
