"""Many trajectories at once, each at its own pace: as many as the engine can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from revloop.batch.gate import Concurrency, Gate, GatedEngine, HaltedError, first_limit, next_limit
from revloop.concurrency import task_group
from revloop.engines.metrics import ReportsLoad
from revloop.errors import RevloopError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from anyio.abc import TaskStatus

    from revloop.batch.progress import Progress
    from revloop.reviser import AsyncReviser
    from revloop.store import Pending
    from revloop.trajectory import Draft, Trajectory, Version

    Finished = Callable[[Trajectory], Awaitable[None]]
    OnVersion = Callable[[Draft, Version], None]

_SAMPLE_EVERY_S = 1.0


class Workers:
    """Takes trajectories through their rounds over one reviser.

    As many trajectories are under way as there may be requests at most: more than the engine can
    hold at once, so that the gate to the engine has a choice which goes first. One more comes in
    when one of them has gone out, so memory does not grow with the input.

    Args:
        reviser: An open reviser.
        iterations: Rounds for each.
        bounds: Least and most requests under way.
        progress: Counts what happens.
        on_version: Called with each new version and its draft, once it is stored.
    """

    def __init__(
        self,
        reviser: AsyncReviser,
        *,
        iterations: int,
        bounds: Concurrency,
        progress: Progress,
        on_version: OnVersion | None = None,
    ) -> None:
        self._reviser = reviser
        self._on_version = on_version
        self._iterations = iterations
        self._bounds = bounds
        self._progress = progress
        self._gate = Gate(bounds.least)
        self._progress.iterations = iterations
        self._progress.limit = self._gate.limit
        self._under_way = 0
        self._has_changed = anyio.Event()
        self._taking_in = anyio.CancelScope()
        self._error: RevloopError | None = None

    def stop(self) -> None:
        """Start no round any more; those in flight are finished and committed."""
        self._gate.close()
        self._taking_in.cancel()

    async def work_through(self, pending: AsyncIterator[Pending], finished: Finished) -> None:
        """Do the rounds of trajectories, until there are no more or :meth:`stop` is called.

        Args:
            pending: They are taken from it one by one, as places fall free.
            finished: Awaited with each trajectory that came to its end.

        Raises:
            RevloopError: ``pending`` or ``finished`` raised it, or the store did; rounds in flight
                were finished, where they could be committed.
        """
        async with task_group() as background:
            await background.start(self._keep_limit)
            async with task_group() as tasks:
                with self._taking_in:
                    try:
                        async for one in pending:
                            await self._place()
                            self._progress.took_up(_rounds(one), one.entry.end)
                            tasks.start_soon(self._revise, one, finished)
                        self._gate.all_are_here()
                    except RevloopError as exc:
                        self._fail(exc)
            background.cancel_scope.cancel()
        if self._error is not None:
            raise self._error

    async def _revise(self, pending: Pending, finished: Finished) -> None:
        engine = GatedEngine(
            self._reviser.engine,
            self._gate,
            iterations=self._iterations,
            rounds_done=_rounds(pending),
            on_reply=lambda completion: self._progress.replied(completion.usage),
        )

        def on_version(version: Version) -> None:
            engine.rounds_done = version.round
            self._progress.made(version)
            if self._on_version is not None:
                self._on_version(pending.draft, version)

        trajectory = None
        try:
            trajectory = await self._reviser.go_on(
                pending, engine=engine, iterations=self._iterations, on_version=on_version
            )
        except HaltedError:
            pass
        except RevloopError as exc:
            self._fail(exc)
        finally:
            end = None if trajectory is None else trajectory.end
            self._progress.put_down(engine.rounds_done, end)
            self._under_way -= 1
        try:
            if trajectory is not None:
                await finished(trajectory)
        finally:
            self._has_changed.set()
            self._has_changed = anyio.Event()

    async def _place(self) -> None:
        while self._under_way >= self._bounds.most:
            await self._has_changed.wait()
        self._under_way += 1

    def _fail(self, error: RevloopError) -> None:
        self._error = self._error or error
        self.stop()

    async def _keep_limit(self, *, task_status: TaskStatus[None]) -> None:
        """Let as many requests through as the engine can hold."""
        engine, bounds = self._reviser.engine, self._bounds
        tells = engine if isinstance(engine, ReportsLoad) else None
        before = None if tells is None else await tells.load()
        self._allow(first_limit(bounds, before, engine.context_tokens))
        task_status.started()
        while tells is not None and before is not None:
            await anyio.sleep(_SAMPLE_EVERY_S)
            now, gate = await tells.load(), self._gate
            self._allow(next_limit(gate.limit, bounds, before, now, wanted=gate.is_full))
            before = now

    def _allow(self, limit: int) -> None:
        self._gate.allow(limit)
        self._progress.limit = limit


def _rounds(pending: Pending) -> int:
    versions = pending.entry.versions
    return versions[-1].round if versions else 0
