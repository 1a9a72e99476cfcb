"""Runs many trajectories concurrently, as many as the engine can hold."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from revloop.batch.failures import FailuresInARow
from revloop.batch.gate import Gate, GatedEngine, first_limit, next_limit
from revloop.batch.lockstep import HaltedError, Lockstep
from revloop.concurrency import task_group
from revloop.engines.batch_api.engine import BatchApiEngine
from revloop.engines.metrics import ReportsLoad
from revloop.engines.outage import WaitsForServer
from revloop.errors import RevloopError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from anyio.abc import TaskGroup, TaskStatus

    from revloop.batch.progress import Progress
    from revloop.engines.base import Engine
    from revloop.options import Concurrency
    from revloop.reviser import AsyncReviser
    from revloop.trajectory import Draft, OpenTrajectory, Trajectory, Version

    OnEnd = Callable[[Trajectory, str | None], Awaitable[None]]
    OnVersion = Callable[[Draft, Version], None]

_SAMPLE_EVERY_S = 1.0


class Workers:
    """Takes trajectories through their rounds over one reviser.

    At most ``bounds.most`` trajectories are under way: more than the engine can hold, so that the
    gate before it has a choice of which goes first. With an editor on another engine, each engine
    has its own gate, and twice as many are under way; each judge behind a server adds as many. As
    each trajectory waits for one of them at a time, all are kept full, and one that is away holds
    up no request to the others. Memory does not grow with the input, because :meth:`start` waits
    until one of them has ended.

    Args:
        reviser: An open reviser.
        iterations: Rounds for each.
        bounds: Least and most requests under way at an engine.
        progress: Counts what happens.
        on_version: Called with each new version and its draft, once it is stored.
        on_round: Called before a round begins, with the requests under way; it may stop the others.
    """

    def __init__(
        self,
        reviser: AsyncReviser,
        *,
        iterations: int,
        bounds: Concurrency,
        progress: Progress,
        on_version: OnVersion | None = None,
        on_round: Callable[[int], None] | None = None,
    ) -> None:
        self._reviser = reviser
        self._iterations = iterations
        self._bounds = bounds
        self._progress = progress
        self._on_version = on_version
        self._on_round = on_round
        self._engines = [reviser.engine, *(() if reviser.editor is None else (reviser.editor,))]
        self._failures = FailuresInARow(progress, engines=len(self._engines))
        self._gates = [Gate(bounds.least) for _ in self._engines]
        self._most = bounds.most * (len(self._engines) + self._judges_beside)
        self._progress.iterations = iterations
        self._progress.limit = sum(gate.limit for gate in self._gates)
        self._places = anyio.Semaphore(self._most, fast_acquire=True)
        self._lockstep = Lockstep()
        self._input_ended = False
        self._under_way: dict[str, list[OnEnd]] = {}
        self._tasks: TaskGroup | None = None
        self._intake = anyio.CancelScope()
        self._error: RevloopError | None = None

    def stop(self) -> None:
        """Start no new rounds; those in flight are finished and stored."""
        self._progress.is_stopping = True
        for gate in self._gates:
            gate.close()
        self._intake.cancel()
        if self._jobs is not None:  # the jobs go on at the provider
            self._lockstep.abandon()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run what the block starts, until all of it has ended or :meth:`stop` was called.

        Raises:
            RevloopError: The block or the store raised it; rounds in flight were finished, and
                stored if possible.
        """
        async with task_group() as background:
            for engine, gate in zip(self._engines, self._gates, strict=True):
                await background.start(self._keep_limit, engine, gate)
            if self._jobs is not None:
                background.start_soon(self._jobs.work, self._nothing_can_come)
            async with task_group() as self._tasks:
                with self._intake:
                    try:
                        yield
                        for gate in self._gates:
                            gate.input_ended()
                        self._input_ended = True
                        self._tell_jobs()
                    except HaltedError:
                        pass
                    except RevloopError as exc:
                        self._fail(exc)
            self._tasks = None
            background.cancel_scope.cancel()
        if self._error is not None:
            raise self._error
        if self._jobs is not None and not self._is_closed:
            await to_thread.run_sync(self._jobs.forget_ended)

    async def start(self, trajectory: OpenTrajectory, on_end: OnEnd) -> None:
        """Start a trajectory as soon as there is a place for it.

        If one with the same id is under way (of an equal draft), that one serves both.

        Args:
            trajectory: The trajectory.
            on_end: Awaited with the ended trajectory, and with a sentence if it was one of too many
                failures in a row.

        Raises:
            HaltedError: The workers have stopped.
        """
        await self._places.acquire()
        same = self._under_way.get(trajectory.id)
        if self._tasks is None or self._is_closed or same is not None:
            self._places.release()
            if same is None:
                raise HaltedError
            same.append(on_end)
            return
        self._under_way[trajectory.id] = [on_end]
        self._progress.started(trajectory.rounds, trajectory.end)
        self._tasks.start_soon(self._revise, trajectory)

    async def _revise(self, trajectory: OpenTrajectory) -> None:
        engine = GatedEngine(
            self._engines[0],
            self._gates[0],
            trajectory,
            iterations=self._iterations,
            on_reply=lambda completion: self._progress.replied(completion.usage),
            on_round=None if self._on_round is None else self._before_round,
            lockstep=self._lockstep,
        )

        more = zip(self._engines[1:], self._gates[1:], strict=True)
        editor = next((engine.beside(*one) for one in more), None)

        def on_version(version: Version) -> None:
            self._progress.made(version)
            if self._on_version is not None:
                self._on_version(trajectory.draft, version)

        ended = None
        try:
            ended = await self._reviser.resume(
                trajectory,
                engine=engine,
                editor=editor,
                iterations=self._iterations,
                on_version=on_version,
                one_of_many=True,
            )
        except HaltedError:
            pass
        except RevloopError as exc:
            self._fail(exc)
        finally:
            end = None if ended is None else ended.end
            self._progress.stopped(trajectory.rounds, end)
            callbacks = self._under_way.pop(trajectory.id)
        try:
            if ended is not None:
                gone = None if end is None else self._failures.note(end)
                for on_end in callbacks:
                    await on_end(ended, gone)
        finally:
            self._places.release()
            self._tell_jobs()

    def _before_round(self) -> None:
        if self._on_round is not None and not self._is_closed:
            self._on_round(sum(gate.inside for gate in self._gates) - 1)  # all but the one to begin

    @property
    def _is_closed(self) -> bool:
        return self._gates[0].is_closed

    @property
    def _judges_beside(self) -> int:
        """Number of judges that may keep trajectories waiting while the engines work."""
        if self._jobs is not None:  # those would wait at the gate, and miss their round's job
            return 0
        return sum(isinstance(judge, WaitsForServer) for judge in self._reviser.judges)

    @property
    def _jobs(self) -> BatchApiEngine | None:
        """The engine, if it collects requests into jobs."""
        engine = self._reviser.engine
        return engine if isinstance(engine, BatchApiEngine) else None

    def _nothing_can_come(self) -> bool:
        """Whether every trajectory waits for the engine, and no further one can start."""
        under_way = self._most - self._places.value
        is_full = under_way == self._most
        return self._lockstep.waiting == under_way and (self._input_ended or is_full)

    def _tell_jobs(self) -> None:
        if self._jobs is not None:
            self._jobs.look_again()

    def _fail(self, error: RevloopError) -> None:
        self._error = self._error or error
        self.stop()

    async def _keep_limit(
        self, engine: Engine, gate: Gate, *, task_status: TaskStatus[None]
    ) -> None:
        """Set a gate's limit to what its engine can hold, and keep it there."""
        bounds = self._bounds
        reports = engine if isinstance(engine, ReportsLoad) else None
        before = None if reports is None else await reports.load()
        if self._jobs is None:
            self._allow(gate, first_limit(bounds, before, engine.context_tokens))
        else:  # a request that waits at the gate would miss its round's job
            self._allow(gate, bounds.most * self._reviser.settings.revisions_a_round)
        task_status.started()
        while reports is not None and before is not None:
            await anyio.sleep(_SAMPLE_EVERY_S)
            now = await reports.load()
            self._allow(gate, next_limit(gate.limit, bounds, before, now, wanted=gate.is_full))
            before = now

    def _allow(self, gate: Gate, limit: int) -> None:
        gate.allow(limit)
        self._progress.limit = sum(gate.limit for gate in self._gates)
