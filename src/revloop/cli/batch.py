"""``revloop batch``: a file of drafts goes in, a file of trajectories comes out."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio
import typer

from revloop.batch import (
    DEFAULT_MAX_CONCURRENCY,
    DEFAULT_MIN_CONCURRENCY,
    Batch,
    BatchOptions,
    Concurrency,
    Ending,
    Outcome,
    Progress,
    Source,
    Tolerance,
    alone,
    failures_allowed,
)
from revloop.cli import output
from revloop.cli.batch_display import follow, tell
from revloop.cli.files import Force
from revloop.cli.options import (
    ApiKeyFile,
    BaseUrl,
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
    read_key,
)
from revloop.engines.retry import RetryPolicy
from revloop.errors import EngineError, InputError, RevloopError
from revloop.evaluation import DEFAULT_JUDGE_PROMPTS
from revloop.reviser import AsyncReviser
from revloop.rows import AUTO, FORMS, STANDARD_OUTPUT, rejects_path
from revloop.settings import DEFAULT_ITERATIONS, DEFAULT_PROMPTS

if TYPE_CHECKING:
    from revloop.reviser import ReviserOptions

EXAMPLE = (
    "Example: `revloop batch drafts.jsonl revised.jsonl --base-url http://127.0.0.1:8000`. The "
    "same command again goes on where it ended."
)
EXIT_REJECTS, EXIT_STOPPED, EXIT_INTERRUPTED = 8, 9, 130

_INPUT, _RUN, _SPEED = "Input", "Run", "Speed"
_PATIENCE = RetryPolicy(attempts=20)
"""A run over a weekend should outlive a server's restart: about seven minutes, on average."""


def batch(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="JSONL (plain, .gz, .zst), Parquet, the folder of a saved data set, "
            "hf:OWNER/NAME[:SPLIT], or - for standard input.",
        ),
    ],
    output_file: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT",
            help="File to write: JSONL (plain, .gz or .zst) or .parquet, by its name; -: stdout.",
        ),
    ],
    field: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OURS=THEIRS",
            help="The input's name for id, prompt, messages or response: --field prompt=question.",
            rich_help_panel=_INPUT,
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="|".join((AUTO, *FORMS)),
            help="The form of the rows.",
            rich_help_panel=_INPUT,
        ),
    ] = AUTO,
    questions: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="The questions of FastChat answers. Else: question.jsonl beside them.",
            rich_help_panel=_INPUT,
        ),
    ] = None,
    share_duplicates: Annotated[
        bool,
        typer.Option(
            "--share-duplicates",
            help="Revise rows with the same prompt and response once. Always so at temperature 0.",
            rich_help_panel=_INPUT,
        ),
    ] = False,
    final_only: Annotated[
        bool,
        typer.Option(
            "--final-only",
            help="Write each row as it came in, with `response` replaced by the last version and "
            "the one that came in under `original_response`. Else: all versions.",
        ),
    ] = False,
    force: Force = False,
    iterations: Iterations = DEFAULT_ITERATIONS,
    store: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="File that every version is committed to. Else: OUTPUT.sqlite.",
            rich_help_panel=_RUN,
        ),
    ] = None,
    new_run: NewRun = False,
    retry_failed: Annotated[
        bool,
        typer.Option("--retry-failed", help="Try failed trajectories again.", rich_help_panel=_RUN),
    ] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Stop at the first row that cannot be used.", rich_help_panel=_RUN
        ),
    ] = False,
    max_failures: Annotated[
        str | None,
        typer.Option(
            metavar="N|P%",
            help="Stop when more rows were rejected or trajectories failed: a number, or a share "
            "of all so far.",
            rich_help_panel=_RUN,
        ),
    ] = None,
    min_concurrency: Annotated[
        int, typer.Option(min=1, help="Fewest requests at once.", rich_help_panel=_SPEED)
    ] = DEFAULT_MIN_CONCURRENCY,
    max_concurrency: Annotated[
        int,
        typer.Option(
            min=1,
            help="Most requests at once; how many it is depends on how busy the server is.",
            rich_help_panel=_SPEED,
        ),
    ] = DEFAULT_MAX_CONCURRENCY,
    base_url: BaseUrl = None,
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
    log_json: Annotated[
        bool, typer.Option("--log-json", help="Progress as JSON lines on standard error.")
    ] = False,
) -> None:
    """Revise a file of drafts: any size, and nothing that was finished is ever lost.

    The same command again goes on where it ended. Ctrl-C once finishes the rounds under way, twice
    stops at once.
    """
    store = _store_path(store, output_file)
    _check_files(source, output_file, store, force=force)
    number, share = (None, None) if max_failures is None else failures_allowed(max_failures)
    reviser_options: ReviserOptions = {
        "base_url": base_url,
        "model": model,
        "tensor_parallel_size": tensor_parallel_size,
        "tokenizer": tokenizer,
        "api_key": read_key(api_key_file),
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
        "store": store,
        "new_run": new_run,
        "retries": _PATIENCE,
    }
    batch_options = BatchOptions(
        iterations=iterations,
        bounds=Concurrency(min_concurrency, max_concurrency),
        retry_failed=retry_failed,
        share_duplicates=share_duplicates,
        final_only=final_only,
        tolerance=Tolerance(strict=strict, failures=number, failure_share=share),
    )
    progress = Progress()

    async def work() -> Outcome:
        async with AsyncReviser(**reviser_options) as reviser:
            rows = Source(source, form=form, fields=_fields(field), questions=questions)
            running = Batch(rows, output_file, reviser, batch_options, progress)
            interrupts.on_first(running.interrupt)
            return await running.run()

    interrupts = _Interrupts()
    with alone(store):
        outcome = anyio.run(_watched, work, interrupts, progress, log_json)
    tell(progress, as_json=log_json)
    raise typer.Exit(_tell_outcome(outcome, output_file, store))


class _Interrupts:
    """Ctrl-C and SIGTERM: the first finishes the rounds under way, the second ends everything."""

    def __init__(self) -> None:
        self._stop: Callable[[], None] | None = None
        self._came = False

    def on_first(self, stop: Callable[[], None]) -> None:
        """Set what the first one calls; at once, if it has come."""
        self._stop = stop
        if self._came:
            stop()

    async def listen(self, everything: anyio.CancelScope) -> None:
        """Listen until the second."""
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                if self._came:
                    break
                self._came = True
                output.say(
                    "Stopping: the rounds under way are finished. Ctrl-C again ends at once."
                )
                if self._stop is not None:
                    self._stop()
        everything.cancel()


async def _watched(
    work: Callable[[], Awaitable[Outcome]],
    interrupts: _Interrupts,
    progress: Progress,
    log_json: bool,
) -> Outcome | None:
    """Run the work, with the signals heard and the progress shown; None if it was ended."""
    outcome: Outcome | None = None
    error: RevloopError | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(interrupts.listen, tasks.cancel_scope)
        async with anyio.create_task_group() as shown:
            shown.start_soon(partial(follow, progress, as_json=log_json))
            try:
                outcome = await work()
            except RevloopError as exc:
                error = exc
            shown.cancel_scope.cancel()
        tasks.cancel_scope.cancel()
    if error is not None:
        raise error
    return outcome


def _tell_outcome(outcome: Outcome | None, output_file: Path, store: Path) -> int:
    """Say how it ended; returns the exit code."""
    how_to_go_on = f"The same command goes on. What there is so far: revloop export {store} OUTPUT"
    if outcome is None:
        output.complain(f"Interrupted. {how_to_go_on}")
        return EXIT_INTERRUPTED
    if outcome.ending is not Ending.DONE:
        output.complain(f"{outcome.detail} {how_to_go_on}")
        return {
            Ending.INTERRUPTED: EXIT_INTERRUPTED,
            Ending.STOPPED: EXIT_STOPPED,
            Ending.ENGINE_GONE: EngineError.exit_code,
        }[outcome.ending]
    rejects = rejects_path(output_file)
    if outcome.rejected:
        where = "" if rejects is None else f": see {rejects}"
        output.complain(f"{outcome.rejected} rows were rejected{where}.")
    if outcome.failed:
        output.complain(
            f"{outcome.failed} trajectories ended before all rounds were done; --retry-failed "
            "tries them again."
        )
    if output_file != STANDARD_OUTPUT:
        output.results.print(output.printable(f"{output_file}: {outcome.rows} trajectories"))
    if outcome.failed:
        return EngineError.exit_code
    return EXIT_REJECTS if outcome.rejected else 0


def _store_path(store: Path | None, output_file: Path) -> Path:
    if store is not None:
        return store
    if output_file == STANDARD_OUTPUT:
        raise InputError("Name a store (--store PATH): standard output has no file to be beside.")
    return output_file.with_name(f"{output_file.name}.sqlite")


def _check_files(source: str, output_file: Path, store: Path, *, force: bool) -> None:
    if output_file == STANDARD_OUTPUT:
        return
    for other, what in ((Path(source), "the input"), (store, "the store")):
        if output_file.exists() and other.exists() and output_file.samefile(other):
            raise InputError(f"{output_file} is {what} itself: name another file to write.")
    if output_file.is_file() and not store.exists() and not force:
        raise InputError(
            f"{output_file} is already there, and no store beside it that it came from. Name "
            "another, or add --force to replace it."
        )


def _fields(given: list[str] | None) -> dict[str, str]:
    fields = {}
    for pair in given or ():
        ours, equals, theirs = pair.partition("=")
        if not (ours and equals and theirs):
            raise InputError(f"--field is '{pair}'; it is OURS=THEIRS, as in prompt=question.")
        fields[ours] = theirs
    return fields
