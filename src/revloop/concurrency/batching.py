"""Batches of calls that arrive at the same time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class _Job(Generic[Item, Result]):
    """An item that callers wait for.

    Attributes:
        key: Names the item.
        item: The item.
        is_taken: Whether it is part of a batch that runs.
        results: Its result, once there is one.
        error: What its batch raised.
        settled: Set while it is part of no batch.
        callers: Number of callers that wait for it.
    """

    key: Hashable
    item: Item
    is_taken: bool = False
    results: list[Result] = field(default_factory=list)
    error: Exception | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    callers: int = 0

    @property
    def is_done(self) -> bool:
        return bool(self.results) or self.error is not None

    @property
    def is_waiting(self) -> bool:
        return not self.is_done and not self.is_taken


class _Queue(Generic[Item, Result]):
    """The items that one event loop waits for, by their keys."""

    def __init__(self, at_once: int) -> None:
        self.turns = asyncio.Semaphore(at_once)
        self.jobs: dict[Hashable, _Job[Item, Result]] = {}

    def drop(self, job: _Job[Item, Result]) -> None:
        """Forget an item that is done, or that nobody waits for any more."""
        is_wanted = job.is_taken or (job.callers and not job.is_done)
        if not is_wanted and self.jobs.get(job.key) is job:
            del self.jobs[job.key]


class Batcher(Generic[Item, Result]):
    """Gathers concurrent calls into batches: while batches run, the next one fills up.

    There is no timer and no task in the background: a single call starts at once, and the first
    caller in line runs the batch for those behind it. If that caller is cancelled, the next one
    does.

    Args:
        run: Gives the results of a batch, one for each item, in order.
        size: Gives the most items of a batch.
        at_once: Most batches at the same time.
        key: Names an item: those with the same name that wait at the same time are one. None: each
            call has its own.
        kind: Only items of the same kind share a batch. None: all do.
    """

    def __init__(
        self,
        run: Callable[[list[Item]], Awaitable[Sequence[Result]]],
        *,
        size: Callable[[], int],
        at_once: int = 1,
        key: Callable[[Item], Hashable] | None = None,
        kind: Callable[[Item], object] | None = None,
    ) -> None:
        self._run = run
        self._size = size
        self._at_once = at_once
        self._key = key or (lambda _: object())
        self._kind = kind or (lambda _: None)
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue[Item, Result]] = (
            WeakKeyDictionary()
        )

    async def __call__(self, item: Item) -> Result:
        """The result of an item.

        Raises:
            Exception: Its batch failed: every item of it raises the same.
        """
        (result,) = await self.all([item])
        return result

    async def all(self, items: Sequence[Item]) -> list[Result]:
        """The results of items, in their order.

        Raises:
            Exception: A batch failed.
        """
        loop = asyncio.get_running_loop()
        if (queue := self._queues.get(loop)) is None:
            queue = self._queues[loop] = _Queue(self._at_once)
        keys = [(self._key(item), item) for item in items]
        jobs = [queue.jobs.setdefault(key, _Job(key, item)) for key, item in keys]
        for job in jobs:
            job.callers += 1
        try:
            return [await self._result(job, queue) for job in jobs]
        finally:
            for job in jobs:
                job.callers -= 1
                queue.drop(job)

    async def _result(self, job: _Job[Item, Result], queue: _Queue[Item, Result]) -> Result:
        while not job.is_done:
            if job.is_taken:
                await job.settled.wait()
                continue
            async with queue.turns:
                if job.is_waiting:
                    await asyncio.sleep(0)  # calls of the same moment join the batch
                if job.is_waiting:
                    others = islice(self._others(job, queue), self._size() - 1)
                    await self._run_batch([job, *others], queue)
        if job.error is not None:
            raise job.error
        return job.results[0]

    def _others(
        self, first: _Job[Item, Result], queue: _Queue[Item, Result]
    ) -> Iterator[_Job[Item, Result]]:
        """The items that may share a batch with one, in the order of asking."""
        kind = self._kind(first.item)
        for job in queue.jobs.values():
            if job is not first and job.is_waiting and self._kind(job.item) == kind:
                yield job

    async def _run_batch(
        self, batch: Sequence[_Job[Item, Result]], queue: _Queue[Item, Result]
    ) -> None:
        for job in batch:
            job.is_taken = True
            job.settled.clear()
        try:
            results = await self._run([job.item for job in batch])
            if len(results) != len(batch):
                raise ValueError(f"{len(results)} results for a batch of {len(batch)}")  # noqa: TRY301
            for job, result in zip(batch, results, strict=True):
                job.results.append(result)
        except Exception as exc:  # noqa: BLE001 - raised in each caller
            for job in batch:
                job.error = exc
        finally:  # if this caller was cancelled, the others' items are run again
            for job in batch:
                job.is_taken = False
                job.settled.set()
                queue.drop(job)
