"""An actor: one engine and one reviser for many concurrent trajectories."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from revloop.batch import Progress
from revloop.batch.lockstep import HaltedError
from revloop.batch.workers import Workers
from revloop.concurrency import task_group
from revloop.distributed.folder import ShardFolder
from revloop.engines.retry import RetryPolicy
from revloop.errors import EngineError, RevloopError
from revloop.evaluation import reviser_keywords
from revloop.options import BatchOptions, EngineOptions, RunOptions
from revloop.reviser import AsyncReviser
from revloop.trajectory import Draft
from revloop.values import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revloop.engines import Engine
    from revloop.trajectory import Trajectory

SERVER = "REVLOOP_RAY_SERVER"
"""The environment variable with an actor's server."""


@dataclass(frozen=True, slots=True)
class ActorOptions:
    """The options of all actors.

    Attributes:
        output: The folder of the run's shards.
        engine: The engine, or options to open one; an actor's own server replaces the address.
        loop: Options of the loop.
        batch: Options of the batch; its bounds apply to each actor.
    """

    output: str
    engine: EngineOptions | Engine
    loop: RunOptions = field(default_factory=RunOptions)
    batch: BatchOptions = field(default_factory=BatchOptions)


class Actor:
    """Revises blocks of rows; Ray creates one in each process of its pool.

    Ray calls it for many blocks concurrently. All their rows share one :class:`Workers`, so any
    block's row can take a free place, and no block waits for the slowest row of another.
    """

    def __init__(self, options: ActorOptions) -> None:
        self._options = options
        self._opening = asyncio.Lock()
        self._opened: _Opened | None = None
        self._error: BaseException | None = None
        self._waiting: set[asyncio.Future[Trajectory]] = set()

    async def __call__(self, table: Any) -> Any:
        """Revise the rows of a block.

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
        rest = read_json(row["rest"])
        draft = opened.reviser.with_fields(Draft.from_json(row["draft"]), rest)
        trajectory = await self._revised(opened, draft)
        return trajectory.with_extra(rest).to_json()

    async def _revised(self, opened: _Opened, draft: Draft) -> Trajectory:
        done: asyncio.Future[Trajectory] = asyncio.get_running_loop().create_future()

        async def on_end(trajectory: Trajectory, gone: str | None) -> None:
            if done.done():  # Ray has cancelled the block
                return
            if gone is None:
                done.set_result(trajectory)
            else:
                done.set_exception(EngineError(gone))

        self._waiting.add(done)
        try:
            await opened.workers.start(await opened.reviser.begin(draft), on_end)
            return await done
        except HaltedError as exc:
            raise self._error or EngineError("The actor's workers have ended.") from exc
        finally:
            self._waiting.discard(done)

    async def _open(self) -> _Opened:
        async with self._opening:
            if self._opened is None:
                reviser = self._reviser()
                await reviser.__aenter__()  # open until the process ends
                ShardFolder(self._options.output).keep_settings(reviser.settings)
                workers = Workers(
                    reviser,
                    iterations=self._options.loop.iterations,
                    bounds=self._options.batch.bounds,
                    progress=Progress(),
                )
                is_running = asyncio.Event()
                task = asyncio.create_task(self._keep_running(workers, is_running))
                await is_running.wait()
                self._opened = _Opened(reviser, workers, task)
            return self._opened

    def _reviser(self) -> AsyncReviser:
        engine, loop = self._options.engine, self._options.loop
        if isinstance(engine, EngineOptions) and (server := os.environ.get(SERVER)):
            engine = engine.model_copy(update={"base_url": server})
        retries = RetryPolicy.for_batch(self._options.batch.wait_for_server)
        return AsyncReviser(
            engine=engine,
            loop=loop,
            **reviser_keywords(loop, retries=retries),
        )

    async def _keep_running(self, workers: Workers, is_running: asyncio.Event) -> None:
        try:
            async with workers.running():
                is_running.set()
                await anyio.sleep_forever()
        except BaseException as exc:
            self._error = exc
            for done in self._waiting:
                if not done.done():
                    done.set_exception(exc)
            if not isinstance(exc, RevloopError):
                raise
        finally:
            is_running.set()


@dataclass(frozen=True, slots=True)
class _Opened:
    """An actor's open resources.

    Attributes:
        reviser: Its reviser.
        workers: Its workers.
        task: Keeps the workers running; referenced so that it is not garbage-collected.
    """

    reviser: AsyncReviser
    workers: Workers
    task: asyncio.Task[None]
