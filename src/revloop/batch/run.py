"""One batch, from its input to its output."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from anyio import to_thread

from revloop.batch.budget import Budget
from revloop.batch.intake import Intake, in_thread
from revloop.batch.output import write_output, write_rejects
from revloop.batch.workers import Workers
from revloop.concurrency import run_in_thread
from revloop.engines.batch_api.engine import BatchApiEngine
from revloop.errors import EngineGoneError, InputError, RevloopError
from revloop.options import DEFAULT_ITERATIONS, checked_iterations
from revloop.trajectory import StopReason

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from revloop.batch.output import FirstFailure
    from revloop.batch.progress import Progress
    from revloop.batch.source import InputSource
    from revloop.options import BatchOptions
    from revloop.reviser import AsyncReviser
    from revloop.rows import Rejected
    from revloop.store import RunRows
    from revloop.trajectory import Trajectory

_FETCHED_AT_A_TIME = 16


class Ending(StrEnum):
    """How a batch ended."""

    DONE = "done"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"
    ENGINE_GONE = "engine gone"
    OUT_OF_BUDGET = "out of budget"


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """How a batch ended.

    Attributes:
        ending: The kind of ending.
        detail: A sentence for the user; empty if the batch is done.
        rows: Rows that have a trajectory.
        rejected: Unusable rows.
        failed: Trajectories that ended before all rounds.
        first_reject: The first unusable row, if any.
        first_failure: The first of the failed trajectories, if the output was written.
    """

    ending: Ending
    detail: str
    rows: int
    rejected: int
    failed: int
    first_reject: Rejected | None = None
    first_failure: FirstFailure | None = None


class Batch:
    """Revises every row of an input, and writes the output when all are done.

    Args:
        source: The input.
        output: The file for the trajectories, in input order.
        reviser: An open reviser with a store.
        options: The batch's options.
        progress: Counts what happens.
        iterations: Rounds for each draft.
        budget: What it may spend; None: anything.

    Raises:
        InputError: The reviser has no store, the store's run has another input, or the price of a
            model is needed and missing.
    """

    def __init__(
        self,
        source: InputSource,
        output: Path,
        reviser: AsyncReviser,
        options: BatchOptions,
        progress: Progress,
        *,
        iterations: int = DEFAULT_ITERATIONS,
        budget: Budget | None = None,
    ) -> None:
        if reviser.store is None or reviser.run is None:
            raise InputError("A batch needs a store.")
        self._iterations = checked_iterations(iterations)
        self._output = output
        self._options = options
        self._progress = progress
        self._rows: RunRows = reviser.store.rows(reviser.run)
        self._ending: Ending | None = None
        self._detail = ""
        self._engine = reviser.engine
        progress.watch(reviser.engine, reviser.editor, judges=reviser.judges)
        self._budget = budget or Budget()
        self._budget.watch([reviser.engine, *filter(None, [reviser.editor]), *reviser.judges])
        self._settings = reviser.settings
        greedy = reviser.settings.is_greedy
        self._progress.rejected = self._rows.reject_count()
        self._count_earlier()
        self._is_resumed = progress.entered > 0
        self._intake = Intake(
            source,
            self._rows,
            name=reviser.trajectory_id,
            with_fields=reviser.with_fields,
            share=greedy or options.share_duplicates,
            progress=progress,
            on_rejects=self._on_rejects_in_thread,
        )
        self._workers = Workers(
            reviser,
            iterations=iterations,
            bounds=options.bounds,
            progress=progress,
            on_round=self._check_budget,
        )

    def interrupt(self) -> None:
        """Start no new rounds; those in flight are finished and stored."""
        self._stop(Ending.INTERRUPTED, "Interrupted: the rounds that were under way are stored.")

    async def run(self) -> BatchOutcome:
        """Begin or resume all trajectories, do their rounds, and write the output.

        Raises:
            InputError: The input cannot be read, or the output cannot be written.
            StoreError: A version could not be stored.
        """
        self._loop = asyncio.get_running_loop()
        self._check_earlier_rejects()
        try:
            async with self._until_deadline(), self._workers.running():
                await self._resume_stored()
                await self._begin_new()
        except EngineGoneError as exc:
            self._stop(Ending.ENGINE_GONE, str(exc))
        except RevloopError:
            with suppress(RevloopError):  # the first error is the one to report
                await to_thread.run_sync(write_rejects, self._rows, self._output)
            raise
        await to_thread.run_sync(write_rejects, self._rows, self._output)
        if self._budget.is_told and self._is_resumed:
            self._budget.in_store = await to_thread.run_sync(self._rows.spending)
        first_failure = await self._write_output() if self._ending is None else None
        return BatchOutcome(
            self._ending or Ending.DONE,
            self._detail,
            self._rows.row_count(),
            self._progress.rejected,
            self._progress.failed,
            next(self._rows.rejects(), None),
            first_failure,
        )

    @asynccontextmanager
    async def _until_deadline(self) -> AsyncIterator[None]:
        """Check the budget at the deadline too: rounds may take long, or wait for a server."""
        left_s = self._budget.left_s
        timer = None if left_s is None else self._loop.call_later(left_s, self._check_budget)
        try:
            yield
        finally:
            if timer is not None:
                timer.cancel()

    def _check_budget(self, under_way: int = 0) -> None:
        reached = self._budget.reached(under_way)
        if self._budget.counts_tokens and self._progress.lacks_tokens:
            reached = (
                "The server does not report the tokens of its replies, so a budget of tokens or "
                "money cannot be kept: use --max-requests."
            )
        if reached is not None:
            self._stop(
                Ending.OUT_OF_BUDGET, f"{reached} The rounds that were under way are stored."
            )

    async def _resume_stored(self) -> None:
        """Start the trajectories that earlier runs of the command left unfinished."""
        stored = self._rows.pending(
            iterations=self._iterations, retry_failed=self._options.retry_failed
        )
        async for trajectory in in_thread(stored, _FETCHED_AT_A_TIME):
            await self._workers.start(trajectory, self._on_end)

    async def _begin_new(self) -> None:
        """Start the trajectories of rows that have not been read yet."""
        while not self._intake.is_whole:
            for trajectory in await run_in_thread(self._intake.begin_next):
                await self._workers.start(trajectory, self._on_end)

    def _count_earlier(self) -> None:
        """Count what earlier runs of the command did."""
        counts: Counter[tuple[StopReason | None, int]] = Counter()
        for (reason, rounds), number in self._rows.counts().items():
            counts[self._reason_after(reason, rounds), rounds] += number
        pending = sum(
            number
            for (reason, rounds), number in counts.items()
            if self._is_pending(reason, rounds)
        )
        self._progress.resume(counts, pending=pending)

    def _reason_after(self, reason: StopReason | None, rounds: int) -> StopReason | None:
        """Why a trajectory ended, if only the requested rounds count."""
        if reason is None or rounds + reason.is_failure <= self._iterations:
            return reason
        return StopReason.ROUNDS_DONE

    def _is_pending(self, reason: StopReason | None, rounds: int) -> bool:
        if reason is StopReason.ROUNDS_DONE:
            return rounds < self._iterations
        return reason is None or (reason.is_failure and self._options.retry_failed)

    async def _on_end(self, trajectory: Trajectory, gone: str | None) -> None:
        if gone is not None:
            detail = f"{gone} --retry-failed retries these trajectories."
            self._stop(Ending.ENGINE_GONE, detail)
        if trajectory.failed:
            self._check_tolerance()

    def _check_earlier_rejects(self) -> None:
        if self._options.strict and (first := next(self._rows.rejects(), None)):
            self._on_rejects([first])

    def _on_rejects_in_thread(self, rejects: list[Rejected]) -> None:
        self._loop.call_soon_threadsafe(self._on_rejects, rejects)

    def _on_rejects(self, rejects: list[Rejected]) -> None:
        if self._options.strict:
            first = rejects[0]
            detail = f"Row {first.number} cannot be used: {first.reason}."
            self._stop(Ending.STOPPED, detail)
        self._check_tolerance()

    def _check_tolerance(self) -> None:
        progress = self._progress
        failed = progress.failed + progress.rejected
        if not self._options.tolerates(failed, progress.done + progress.rejected):
            self._stop(
                Ending.STOPPED,
                f"Failed trajectories: {progress.failed}, rejected rows: {progress.rejected}. "
                "This is more than --max-failures allows.",
            )

    def _stop(self, ending: Ending, detail: str) -> None:
        if self._ending is None:
            self._ending, self._detail = ending, f"{detail}{self._how_to_cancel()}"
        self._workers.stop()

    def _how_to_cancel(self) -> str:
        """What goes on at a provider after the batch has ended."""
        how = self._engine.how_to_cancel() if isinstance(self._engine, BatchApiEngine) else ""
        return f" {how}" if how else ""

    async def _write_output(self) -> FirstFailure | None:
        def is_wanted() -> bool:
            return self._ending is None

        written = await to_thread.run_sync(
            lambda: write_output(
                self._rows,
                self._output,
                self._settings,
                iterations=self._iterations,
                final_only=self._options.final_only,
                is_wanted=is_wanted,
            )
        )
        if not written.is_complete:
            self._detail = "Interrupted while writing the output: everything is stored."
        return written.first_failure
