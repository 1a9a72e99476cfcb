"""The engine for a provider's batch API."""

from __future__ import annotations

import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from revloop.concurrency import task_group
from revloop.engines.batch_api.asked import Asked, Attendance, name_of
from revloop.engines.batch_api.following import Follower, TooManyTokensError
from revloop.engines.batch_api.job import ProviderJob
from revloop.engines.batch_api.journal import Journal
from revloop.engines.batch_api.lines import answer_in
from revloop.engines.batch_api.protocol import MOST_BYTES, MOST_REQUESTS, BatchApi
from revloop.engines.traced import traced
from revloop.engines.wrapper import EngineWrapper
from revloop.errors import (
    EngineGoneError,
    InputError,
    RejectedError,
    RepeatedFaultError,
    RevloopError,
    TransientError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from revloop.engines.base import Completion, Request
    from revloop.engines.batch_api.job import JobState
    from revloop.engines.http import HttpEngine
    from revloop.engines.outage import Faults, Waiting
    from revloop.engines.prepared import Prepared
    from revloop.engines.replies import Answer
    from revloop.engines.retry import RetryPolicy
    from revloop.trajectory import EngineInfo

KIND = "openai-batch"

_PATIENCE_S = 60.0
"""If nothing has come for so long, requests are submitted without waiting for more."""


class BatchApiEngine(EngineWrapper):
    """Collects requests into jobs of a provider's batch API (OpenAI's protocol).

    A job is submitted when no further request can come before one is answered. So the requests of
    a round are one job, or one for its critiques and one for its revisions. Within one process,
    :meth:`work` must be running for a request to be answered.

    Args:
        http: Connected to the provider; closed with this engine.
        retries: When a call is made again, and how often a request may fail.
    """

    def __init__(self, http: HttpEngine, retries: RetryPolicy) -> None:
        super().__init__(http)
        self._http = http
        self._api = BatchApi(http.transport, retries)
        self._retries = retries
        self._journal: Journal | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="revloop-")
        self._attendance = Attendance()
        self._asked: dict[str, Asked] = {}
        self._pending: dict[str, Asked] = {}
        self._jobs: list[ProviderJob] = []
        self._changed = anyio.Event()
        self._most_requests = MOST_REQUESTS
        self._one_at_a_time = False
        self._has_answered = False
        self._error: RevloopError | None = None

    @property
    def info(self) -> EngineInfo:
        """Kind, model and version, for the record."""
        return self._http.info.model_copy(update={"kind": KIND})

    def record_in(self, store: Path) -> None:
        """Record jobs in a store, and continue those that it holds.

        Raises:
            StoreError: The store cannot be written.
        """
        self._journal = Journal.open(store, self._http.transport.address)
        self._jobs = [
            ProviderJob(record.endpoint, record=record, was_recorded=True)
            for record in self._journal.open_jobs()
        ]

    async def negotiate(self, sample: Request) -> None:
        """Find out which parameters are accepted, with a request that is no job."""
        await self._http.negotiate(sample)

    @traced
    async def generate(self, request: Request) -> Completion:
        """Generate once: wait for a job that has the request.

        Raises:
            EngineGoneError: A job was refused or cancelled, or the server is unreachable.
            EngineError: See :class:`~revloop.engines.base.Engine`.
        """
        with self._attendance.present():
            started = time.perf_counter()
            prepared = await self._http.prepare(request)
            name, failures = name_of(request, prepared), 0
            while isinstance(outcome := await self._outcome(name, prepared), RevloopError):
                failures += 1
                self._raise_unless_temporary(outcome, failures)
            self._has_answered = True
            latency_s = time.perf_counter() - started
            return self._http.completion(
                request, prepared, outcome, latency_s=latency_s, retries=failures
            )

    async def work(self, is_complete: Callable[[], bool]) -> None:
        """Submit jobs and follow them until cancelled.

        Args:
            is_complete: Whether no further request can come before one is answered.
        """
        journal = self._opened()
        follower = Follower(
            self._api, journal, Path(self._folder.name), model=self._http.info.model
        )
        async with task_group() as tasks:
            for job in self._jobs:
                tasks.start_soon(self._run, follower, job)
            while True:
                with anyio.move_on_after(_PATIENCE_S) as patience:
                    await self._changed.wait()
                self._changed = anyio.Event()
                if self._is_time(is_complete) or patience.cancelled_caught:
                    for job in self._next_jobs():
                        tasks.start_soon(self._run, follower, job)

    def look_again(self) -> None:
        """Something has changed that decides whether further requests can come."""
        self._changed.set()

    def states(self) -> tuple[JobState, ...]:
        """How far each job is that is under way."""
        return tuple(job.state for job in self._jobs)

    def how_to_cancel(self) -> str:
        """What goes on at the provider, for a user who has interrupted; empty if nothing does."""
        names = [state.name for state in self.states() if state.name is not None]
        if not names:
            return ""
        which, name = f"The job {names[0]} goes", names[0]
        if len(names) > 1:
            which, name = f"{len(names)} jobs ({', '.join(names)}) go", "JOB"
        return (
            f"{which} on at the provider, and the same command uses the results. To cancel: curl "
            f'-X POST {self._api.where(name)}/cancel -H "Authorization: Bearer $REVLOOP_API_KEY".'
        )

    def forget_ended(self) -> None:
        """Delete the recorded replies: all versions made of them are stored."""
        self._opened().forget_ended()

    def waiting(self) -> Waiting | None:
        """The current wait for the server; None while it answers."""
        return self._http.waiting()

    def faults(self) -> Faults | None:
        """The faults after which calls were made again; None without any."""
        return self._http.faults()

    async def aclose(self) -> None:
        """Close all connections. Jobs go on at the provider."""
        if self._journal is not None:
            self._journal.close()
        self._folder.cleanup()
        await self._http.aclose()

    def _is_time(self, is_complete: Callable[[], bool]) -> bool:
        if len(self._pending) >= self._most_requests:
            return True
        return not self._attendance.busy and is_complete()

    def _opened(self) -> Journal:
        if self._journal is None:
            raise InputError(f"{KIND} needs a store, in which its jobs are recorded.")
        return self._journal

    def _raise_unless_temporary(self, error: RevloopError, failures: int) -> None:
        if not isinstance(error, TransientError):
            raise error
        if failures < self._retries.fault_attempts:
            return
        said = f"{error} (This happened in {failures} jobs"
        if self._has_answered:
            raise RepeatedFaultError(f"{said}, while other requests were answered.)") from error
        raise EngineGoneError(f"{said}, and no request was answered.)") from error

    async def _outcome(self, name: str, prepared: Prepared) -> Answer | RevloopError:
        """The outcome of a request: recorded, of a job under way, or of the next one."""
        journal = self._opened()
        while (asked := self._asked.get(name)) is None:
            if self._error is not None:
                return self._error
            found = await to_thread.run_sync(journal.find, name)
            if found is not None and found.reply is not None:
                where = self._http.transport.address
                return answer_in(found.reply, where, model=self._http.info.model)
            job = None if found is None else self._job(found.job)
            if found is None or job is not None:  # else it has ended just now
                self._place(Asked(name, prepared, self._attendance), job)
        self._changed.set()
        return await asked.until_known()

    def _job(self, key: int) -> ProviderJob | None:
        """A job under way by its key in the journal."""
        return next((job for job in self._jobs if job.record and job.record.key == key), None)

    def _place(self, asked: Asked, job: ProviderJob | None) -> None:
        """Attach a request to its job, or to the next one."""
        if asked.name in self._asked:  # another caller was faster
            return
        if job is None and len(asked.line()) > MOST_BYTES:
            raise RejectedError(f"A request has more than {MOST_BYTES} bytes.")
        self._asked[asked.name] = asked
        (self._pending if job is None else job.asked)[asked.name] = asked

    def _next_jobs(self) -> list[ProviderJob]:
        jobs = []
        while self._pending and not (self._one_at_a_time and self._jobs):
            job = self._next_job()
            self._jobs.append(job)
            jobs.append(job)
        return jobs

    def _next_job(self) -> ProviderJob:
        """As many pending requests as one file holds; all have the endpoint of the first."""
        job, size = ProviderJob(next(iter(self._pending.values())).endpoint), 0
        for asked in list(islice(self._pending.values(), self._most_requests)):
            size += len(asked.line())
            if asked.endpoint == job.endpoint and size <= MOST_BYTES:
                job.asked[asked.name] = self._pending.pop(asked.name)
        return job

    async def _run(self, follower: Follower, job: ProviderJob) -> None:
        try:
            await follower.run(job)
        except TooManyTokensError as exc:
            self._submit_less(job, str(exc))
        except RevloopError as exc:
            self._error = exc  # of those who ask later too
            job.settle(exc)
        # not if it is cancelled: the job goes on at the provider
        self._jobs.remove(job)
        for asked in job.asked.values():
            if asked.name not in self._pending:
                del self._asked[asked.name]
        self._changed.set()

    def _submit_less(self, job: ProviderJob, complaint: str) -> None:
        """Submit the requests of a job in smaller ones, one after the other."""
        is_alone = self._jobs == [job]
        if is_alone and job.size == 1:
            job.settle(EngineGoneError(complaint))
            return
        if is_alone:
            self._most_requests = max(1, job.size // 2)
        self._one_at_a_time = True
        self._pending |= job.asked
