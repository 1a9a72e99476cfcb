"""An actor: one engine and one reviser, through which many trajectories go at their own pace."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from revloop.batch import Concurrency, Progress
from revloop.batch.failures import FailuresInARow
from revloop.batch.workers import Workers
from revloop.concurrency import task_group
from revloop.distributed.folder import ShardFolder
from revloop.errors import EngineError, RevloopError
from revloop.options import DEFAULT_ITERATIONS
from revloop.reviser import AsyncReviser
from revloop.rows.writing import with_rest
from revloop.trajectory import Draft
from revloop.values import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

    from revloop.reviser import ReviserOptions
    from revloop.store import Pending
    from revloop.trajectory import Trajectory

SERVER = "REVLOOP_RAY_SERVER"
"""The environment variable that tells an actor its server."""


@dataclass(frozen=True, slots=True)
class ActorOptions:
    """What an actor does with each row.

    Attributes:
        output: The folder of the run's shards.
        reviser: The options of its reviser, but for the server.
        iterations: Rounds for each draft.
        bounds: Least and most requests under way, in one actor.
    """

    output: str
    reviser: ReviserOptions
    iterations: int = DEFAULT_ITERATIONS
    bounds: Concurrency = field(default_factory=Concurrency)


class Actor:
    """Revises blocks of rows; Ray makes one in each process of its pool, and calls it.

    Ray calls it for many blocks at once. All their rows go through one :class:`Workers`, so a
    place that falls free is taken by a row of any block, and no block waits for another's slowest.
    """

    def __init__(self, options: ActorOptions) -> None:
        self._options = options
        self._opening = asyncio.Lock()
        self._opened: _Opened | None = None
        self._error: BaseException | None = None
        self._waiting: dict[str, list[asyncio.Future[Trajectory]]] = {}
        self._progress = Progress()
        self._failures = FailuresInARow(self._progress)

    async def __call__(self, table: Any) -> Any:
        """Take the rows of a block through all their rounds.

        Args:
            table: An Arrow table with the columns of :meth:`RayInput.rows`.

        Returns:
            The same rows with the columns ``key``, ``line`` (the trajectory as JSON) and
            ``reject``.
        """
        import pyarrow as pa

        opened = await self._open()
        rows = table.to_pylist()
        lines: list[str | None] = [None] * len(rows)

        async def revise(at: int) -> None:
            lines[at] = await self._line(opened, rows[at])

        async with task_group() as tasks:
            for at in range(len(rows)):
                tasks.start_soon(revise, at)
        columns = {
            "key": pa.array([row["key"] for row in rows], pa.int64()),
            "line": pa.array(lines, pa.large_string()),
            "reject": pa.array([row["reject"] for row in rows], pa.large_string()),
        }
        return pa.table(columns)

    async def _line(self, opened: _Opened, row: Mapping[str, Any]) -> str | None:
        if row["reject"] is not None:
            return None
        draft = Draft.from_json(row["draft"])
        trajectory = await self._revised(opened, draft)
        return with_rest(trajectory, read_json(row["rest"])).to_json()

    async def _revised(self, opened: _Opened, draft: Draft) -> Trajectory:
        pending = await opened.reviser.enter(draft)
        name = pending.entry.trajectory_id
        done: asyncio.Future[Trajectory] = asyncio.get_running_loop().create_future()
        if name in self._waiting:  # the same draft is under way
            self._waiting[name].append(done)
            return await done
        self._waiting[name] = [done]
        try:
            await opened.stream.send(pending)  # waits until there is a place
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as exc:
            raise self._error or EngineError("The actor's workers have ended.") from exc
        return await done

    async def _open(self) -> _Opened:
        async with self._opening:
            if self._opened is None:
                options = self._options.reviser.copy()
                if server := os.environ.get(SERVER):
                    options["base_url"] = server
                reviser = AsyncReviser(**options)
                await reviser.__aenter__()  # it stays open until the process ends
                ShardFolder(self._options.output).keep_settings(reviser.settings)
                workers = Workers(
                    reviser,
                    iterations=self._options.iterations,
                    bounds=self._options.bounds,
                    progress=self._progress,
                )
                stream, receive = anyio.create_memory_object_stream["Pending"](0)
                task = asyncio.create_task(self._work_on(workers, receive))
                self._opened = _Opened(reviser, stream, task)
            return self._opened

    async def _work_on(self, workers: Workers, receive: MemoryObjectReceiveStream[Pending]) -> None:
        try:
            async with receive:
                await workers.work_through(receive, self._finished)
        except BaseException as exc:
            self._error = exc
            for name in list(self._waiting):
                self._fail(name, exc)
            if not isinstance(exc, RevloopError):
                raise

    async def _finished(self, trajectory: Trajectory) -> None:
        gone = None if trajectory.end is None else self._failures.note(trajectory.end)
        if gone is not None:
            self._fail(trajectory.id, EngineError(gone))
            return
        for done in self._waiting.pop(trajectory.id):
            if not done.done():  # else Ray has given the block up
                done.set_result(trajectory)

    def _fail(self, name: str, error: BaseException) -> None:
        for done in self._waiting.pop(name):
            if not done.done():
                done.set_exception(error)


@dataclass(frozen=True, slots=True)
class _Opened:
    """What an actor has open.

    Attributes:
        reviser: Its reviser.
        stream: Where the workers take trajectories from.
        task: The workers at work, kept so that it is not collected.
    """

    reviser: AsyncReviser
    stream: MemoryObjectSendStream[Pending]
    task: asyncio.Task[None]
