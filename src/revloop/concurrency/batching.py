"""Batches of calls that arrive at the same time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(eq=False)
class _Waiting(Generic[Item, Result]):
    item: Item
    woken: anyio.Event = field(default_factory=anyio.Event)
    results: list[Result] = field(default_factory=list)
    error: Exception | None = None

    @property
    def is_done(self) -> bool:
        return bool(self.results) or self.error is not None


class Batcher(Generic[Item, Result]):
    """Gathers concurrent calls into batches: while one batch runs, the next fills up.

    There is no timer: a single call starts at once.

    Args:
        run: Gives the results of a batch, one for each item, in order. Called once at a time.
        size: Most items of a batch.
    """

    def __init__(
        self, run: Callable[[list[Item]], Awaitable[Sequence[Result]]], *, size: int
    ) -> None:
        self._run = run
        self._size = size
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._is_running = False

    async def __call__(self, item: Item) -> Result:
        """The result of an item.

        Raises:
            Exception: The batch failed: every item of it raises the same.
        """
        mine: _Waiting[Item, Result] = _Waiting(item)
        self._waiting.append(mine)
        try:
            await anyio.lowlevel.checkpoint()  # calls of the same moment join the batch
            while not mine.is_done:
                if self._is_running:
                    await mine.woken.wait()
                    mine.woken = anyio.Event()
                else:
                    await self._run_batch()
        except BaseException:
            if mine in self._waiting:
                self._waiting.remove(mine)
            self._wake_next()
            raise
        self._wake_next()
        if mine.error is not None:
            raise mine.error
        return mine.results[0]

    async def _run_batch(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(self._size, len(self._waiting)))]
        self._is_running = True
        try:
            results = await self._run([one.item for one in batch])
            if len(results) != len(batch):
                raise ValueError(f"{len(results)} results for a batch of {len(batch)}")  # noqa: TRY301
            for one, result in zip(batch, results, strict=True):
                one.results.append(result)
        except Exception as exc:  # noqa: BLE001 - raised in each caller
            for one in batch:
                one.error = exc
        except BaseException:  # this caller was cancelled; the others' items are run again
            self._waiting.extendleft(reversed(batch))
            raise
        finally:
            self._is_running = False
            for one in batch:
                one.woken.set()

    def _wake_next(self) -> None:
        if self._waiting and not self._is_running:
            self._waiting[0].woken.set()
