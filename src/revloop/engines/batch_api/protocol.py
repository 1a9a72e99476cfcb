"""The protocol of OpenAI's Batch API: files of requests, jobs, and files of results.

Source: https://platform.openai.com/docs/guides/batch and the API reference of files and batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from revloop.engines.classify import one_line
from revloop.engines.retry import RetryPolicy
from revloop.engines.wire import Upload
from revloop.errors import BadReplyError
from revloop.values import explain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from revloop.engines.transport import Read, Reader, Transport

MOST_REQUESTS = 50_000
"""Most requests of one job."""
MOST_BYTES = 200_000_000
"""Most bytes of one file of requests."""
TOKEN_LIMIT_REACHED = "token_limit_exceeded"  # noqa: S105 - an error code
"""The code of a job that failed because too many tokens of the account are waiting."""

_WINDOW = "24h"
_JOBS_A_PAGE = 100
_CLOCKS_DIFFER_S = 3600.0
_ENDED = {"completed", "failed", "expired", "cancelled"}
_ONCE = RetryPolicy(attempts=1)
_FILE_NAME = "revloop.jsonl"


class RemoteJob(BaseModel):
    """A job, as the server reports it."""

    model_config = ConfigDict(hide_input_in_errors=True)

    id: str
    status: str = Field(
        description="validating, in_progress, finalizing, cancelling, or how it ended: completed, "
        "failed, expired or cancelled."
    )
    file: str = Field(validation_alias="input_file_id", description="Its file of requests.")
    output: str | None = Field(default=None, validation_alias="output_file_id")
    failures: str | None = Field(default=None, validation_alias="error_file_id")
    created_at: Any = Field(default=None, description="In seconds since 1970.")
    counts: Any = Field(default=None, validation_alias="request_counts")
    problems: Any = Field(default=None, validation_alias="errors")

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it will change any more."""
        return self.status in _ENDED

    @property
    def is_above_token_limit(self) -> bool:
        """Whether it failed because too many tokens of the account are waiting."""
        return any(problem.get("code") == TOKEN_LIMIT_REACHED for problem in self._problems())

    def is_older_than(self, moment: float) -> bool:
        """Whether it was created before a moment, by any clock; False if unknown."""
        created_at = self.created_at
        return isinstance(created_at, int | float) and created_at < moment - _CLOCKS_DIFFER_S

    @property
    def done(self) -> int:
        """Requests that have been answered or have failed."""
        counts = self.counts if isinstance(self.counts, dict) else {}
        known = (counts.get(name) for name in ("completed", "failed"))
        return sum(number for number in known if isinstance(number, int))

    @property
    def results(self) -> tuple[str, ...]:
        """Ids of its files of results: of answers, and of failures."""
        return tuple(filter(None, (self.output, self.failures)))

    @property
    def complaint(self) -> str:
        """What the server found wrong with it, in its words."""
        return one_line("; ".join(map(_told, self._problems()))) or "(no reason is given)"

    def _problems(self) -> Iterator[Mapping[str, Any]]:
        listed = self.problems.get("data") if isinstance(self.problems, dict) else self.problems
        for problem in listed if isinstance(listed, list) else ():
            if isinstance(problem, dict):
                yield problem


class BatchApi:
    """The calls of the protocol.

    Args:
        transport: Connections to the server; its root is known.
        retries: When a call is made again.
    """

    def __init__(self, transport: Transport, retries: RetryPolicy) -> None:
        self._transport = transport
        # a fault of these calls is never due to one of many requests
        self._retries = retries.model_copy(update={"fault_attempts": retries.attempts + 1})

    async def upload(self, file: Path) -> str:
        """Upload a file of requests; returns its id."""
        body = Upload(file, _FILE_NAME, {"purpose": "batch"})
        return await self._ask("POST", "/files", _id_of, body=body)

    async def create(
        self, file: str, endpoint: str, *, prepared_at: float, may_exist: bool
    ) -> RemoteJob:
        """Create a job, once.

        A reply can be lost after the job was created. So before each further try the server's jobs
        are searched for one with this file.

        Args:
            file: Id of the file of requests.
            endpoint: The endpoint of all its requests.
            prepared_at: When the file was uploaded, in seconds since 1970.
            may_exist: Whether an earlier try may have created it.
        """
        async for attempt in self._retries.retrying(self._transport.outage):
            with attempt:
                created = await self._find(file, prepared_at) if may_exist else None
                may_exist = True
                job = created or await self._create_once(file, endpoint)
        return job

    async def job(self, name: str) -> RemoteJob:
        """A job as it is now."""
        return await self._ask("GET", f"/batches/{name}", _job_of)

    async def download(self, file: str, target: Path) -> None:
        """Download a file of results."""
        path = f"{self._transport.root}/files/{file}/content"
        await self._transport.download(path, target, self._retries)

    def where(self, name: str) -> str:
        """The address of a job."""
        return f"{self._transport.address}{self._transport.root}/batches/{name}"

    async def _create_once(self, file: str, endpoint: str) -> RemoteJob:
        body = {"input_file_id": file, "endpoint": endpoint, "completion_window": _WINDOW}
        return await self._ask("POST", "/batches", _job_of, _ONCE, body=body)

    async def _find(self, file: str, prepared_at: float) -> RemoteJob | None:
        """The job that was created for a file; None if there is none."""
        after = ""
        while True:
            path = f"/batches?limit={_JOBS_A_PAGE}{after}"
            jobs, has_more = await self._ask("GET", path, _jobs_of, _ONCE)
            for job in jobs:
                if job.file == file:
                    return job
            if not has_more or not jobs or jobs[-1].is_older_than(prepared_at):
                return None
            after = f"&after={jobs[-1].id}"

    async def _ask(
        self,
        method: str,
        path: str,
        read: Reader[Read],
        retries: RetryPolicy | None = None,
        *,
        body: Mapping[str, Any] | Upload | None = None,
    ) -> Read:
        path = f"{self._transport.root}{path}"
        reply, _ = await self._transport.ask(
            method, path, read, retries or self._retries, body=body
        )
        return reply


def _told(problem: Mapping[str, Any]) -> str:
    """A problem in the server's words, with the line of the file that it names."""
    said = str(problem.get("message") or problem.get("code") or "")
    line = problem.get("line")
    return said if line is None else f"line {line}: {said}"


def _id_of(reply: Mapping[str, Any], where: str) -> str:
    named = reply.get("id")
    if not isinstance(named, str) or not named:
        raise BadReplyError(f"{where} did not name the file that it received.")
    return named


def _job_of(reply: Mapping[str, Any], where: str) -> RemoteJob:
    try:
        return RemoteJob.model_validate(reply)
    except ValidationError as exc:
        raise BadReplyError(f"{where} sent a malformed job: {explain(exc)}") from exc


def _jobs_of(reply: Mapping[str, Any], where: str) -> tuple[list[RemoteJob], bool]:
    """A page of the list of jobs, and whether there are more."""
    listed = reply.get("data")
    if not isinstance(listed, list):
        raise BadReplyError(f"{where} sent no list of jobs.")
    return [_job_of(one, where) for one in listed], bool(reply.get("has_more"))
