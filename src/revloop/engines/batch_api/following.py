"""Takes jobs to their end: upload, create, poll, download, each step recorded before the next."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from revloop.engines.batch_api.lines import missing, read_results
from revloop.errors import (
    EngineError,
    EngineGoneError,
    ModelNotServedError,
    RejectedError,
    TransientError,
)
from revloop.files.atomic import translate_write_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from revloop.engines.batch_api.asked import Asked
    from revloop.engines.batch_api.job import ProviderJob
    from revloop.engines.batch_api.journal import JobRecord, Journal
    from revloop.engines.batch_api.lines import Result
    from revloop.engines.batch_api.protocol import BatchApi, RemoteJob
    from revloop.engines.replies import Answer

    Outcome = Answer | EngineError

_FIRST_POLL_S = 0.5
_LONGEST_POLL_S = 60.0
_POLLS_GROW = 1.5
_RESULTS_AT_A_TIME = 500
_IF_LOST = (
    " Use the key that the job was submitted with. If the provider has lost it, use another store "
    "(--store) to submit everything again."
)
_CANCELLED = {"cancelling", "cancelled"}


class TooManyTokensError(Exception):
    """A job failed because too many tokens of the account are waiting at the provider."""


class Follower:
    """Takes jobs to their end.

    Args:
        api: The server.
        journal: Records the jobs and their replies.
        folder: For files on their way.
        model: The model that all requests name.
    """

    def __init__(self, api: BatchApi, journal: Journal, folder: Path, *, model: str) -> None:
        self._api = api
        self._journal = journal
        self._folder = folder
        self._model = model

    async def run(self, job: ProviderJob) -> None:
        """Take a job to its end, and give its requests their outcomes.

        A request that was not done gets a :class:`~revloop.errors.TransientError`: it may go into
        another job.

        Raises:
            TooManyTokensError: The job failed because of the limit on waiting tokens.
            EngineGoneError: The server cannot be reached, or refuses the job; or somebody
                cancelled it.
            RevloopError: The store or a file cannot be written.
        """
        try:
            record = job.record or await self._prepare(job)
            job.remote = remote = await self._found(job, record)
        except EngineError as exc:
            if not await self._was_never_created(job, exc):
                raise EngineGoneError(f"{exc}{_IF_LOST if job.was_recorded else ''}") from exc
            job.settle(missing("a job that was not created"))
            return
        was_cancelled = remote.status in _CANCELLED  # earlier: this run submits the rest
        outcomes: dict[str, Outcome] = {}
        try:
            remote = await self._until_ended(job, remote)
            if remote.status != "failed":
                outcomes = await self._collect(record, remote)
        except EngineError as exc:
            raise EngineGoneError(str(exc)) from exc
        await to_thread.run_sync(self._journal.note_ended, record.key)
        self._settle(job, remote, outcomes, is_cancelled=not was_cancelled)

    async def _prepare(self, job: ProviderJob) -> JobRecord:
        """Upload a job's requests, and record them."""
        path = self._folder / f"{id(job)}.requests.jsonl"
        try:
            await to_thread.run_sync(_write, path, job.asked.values())
            file = await self._api.upload(path)
        finally:
            path.unlink(missing_ok=True)
        add = self._journal.add
        job.record = await to_thread.run_sync(add, file, job.endpoint, list(job.asked))
        return job.record

    async def _found(self, job: ProviderJob, record: JobRecord) -> RemoteJob:
        """The job at the server; created if nobody did."""
        if record.name is not None:
            return await self._api.job(record.name)
        created = await self._api.create(
            record.file,
            record.endpoint,
            prepared_at=record.prepared_at,
            may_exist=job.was_recorded,
        )
        await to_thread.run_sync(self._journal.note_created, record.key, created.id)
        return created

    async def _was_never_created(self, job: ProviderJob, refusal: EngineError) -> bool:
        """Whether a recorded job turns out not to exist, nor to be possible any more.

        The provider has no job for its file, and creates none: the file is too old, say.
        """
        record = job.record
        is_refused = isinstance(refusal, RejectedError | ModelNotServedError)
        if record is None or record.name is not None or not (job.was_recorded and is_refused):
            return False
        await to_thread.run_sync(self._journal.note_ended, record.key)
        return True

    async def _until_ended(self, job: ProviderJob, remote: RemoteJob) -> RemoteJob:
        wait_s = _FIRST_POLL_S
        while not remote.has_ended:
            await anyio.sleep(wait_s)
            wait_s = min(wait_s * _POLLS_GROW, _LONGEST_POLL_S)
            job.remote = remote = await self._api.job(remote.id)
        return remote

    async def _collect(self, record: JobRecord, remote: RemoteJob) -> dict[str, Outcome]:
        """Download the results, and commit the good ones before they are used."""
        outcomes: dict[str, Outcome] = {}
        for file in remote.results:
            path = self._folder / f"{record.key}.results.jsonl"
            try:
                await self._api.download(file, path)
                results = read_results(path)
                while part := await to_thread.run_sync(self._keep, record, remote, results):
                    outcomes |= part
            except ModelNotServedError:
                continue  # 404: the provider has deleted the file
            finally:
                path.unlink(missing_ok=True)
        return outcomes

    def _keep(
        self, record: JobRecord, remote: RemoteJob, results: Iterator[Result]
    ) -> dict[str, Outcome]:
        """Commit the next results; returns the outcomes by request, none at the end."""
        where = self._api.where(remote.id)
        outcomes: dict[str, Outcome] = {}
        good: list[tuple[str, str]] = []
        for result in islice(results, _RESULTS_AT_A_TIME):
            try:
                outcomes[result.name] = result.answer(where, model=self._model)
            except EngineError as exc:
                outcomes[result.name] = exc
            else:
                good.append((result.name, result.body))
        self._journal.keep(record.key, good)
        return outcomes

    def _settle(
        self,
        job: ProviderJob,
        remote: RemoteJob,
        outcomes: Mapping[str, Outcome],
        *,
        is_cancelled: bool,
    ) -> None:
        """Give the requests of an ended job their outcomes.

        Args:
            job: The job.
            remote: How it ended.
            outcomes: By request; some may be missing.
            is_cancelled: Whether nothing is to be submitted again if the job was cancelled.

        Raises:
            TooManyTokensError: The job failed because of the limit on waiting tokens.
            EngineGoneError: The job failed otherwise.
        """
        where = self._api.where(remote.id)
        if remote.status == "failed":
            complaint = f"{where} failed: {remote.complaint}"
            raise (TooManyTokensError if remote.is_above_token_limit else EngineGoneError)(
                complaint
            )
        cancelled = EngineGoneError(
            f"{where} was cancelled at the provider; the requests done before are kept."
        )
        for asked in job.asked.values():
            outcome: Outcome | EngineGoneError = outcomes.get(asked.name) or missing(where)
            if (
                remote.status == "cancelled"
                and is_cancelled
                and isinstance(outcome, TransientError)
            ):
                outcome = cancelled
            asked.settle(outcome)


def _write(path: Path, requests: Iterable[Asked]) -> None:
    with translate_write_errors(path), path.open("wb") as file:
        for asked in requests:
            file.write(asked.line())
