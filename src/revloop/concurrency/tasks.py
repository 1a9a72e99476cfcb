"""Task groups and threads whose exceptions reach the waiting caller unchanged."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from anyio.abc import TaskGroup

T = TypeVar("T")


@asynccontextmanager
async def task_group() -> AsyncIterator[TaskGroup]:
    """An anyio task group that raises its first error instead of an exception group.

    An error in one task or in the block cancels the others. ``KeyboardInterrupt`` and
    ``SystemExit`` take priority; further errors are dropped.
    """
    error: BaseException | None = None
    try:
        async with anyio.create_task_group() as tasks:
            yield tasks
    except BaseExceptionGroup as group:
        error = first_error(group)
    if error is not None:
        raise error  # outside the except block, to keep its own cause and context


def first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error of a group to raise: one that ends the program, else the first."""
    errors = list(_leaves(group))
    return next((error for error in errors if not isinstance(error, Exception)), errors[0])


async def run_in_thread(function: Callable[[], T]) -> T:
    """Run a function in a daemon thread, which is abandoned if the caller is cancelled.

    For functions that may block forever: reading a terminal or a pipe, user code. For functions
    that end, use ``anyio.to_thread.run_sync``, which reuses its threads.

    Raises:
        BaseException: Whatever the function raises; ``StopIteration``, which a coroutine must not
            raise, becomes ``RuntimeError``.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(set_outcome: Callable[[Any], None], value: object) -> None:
        if not outcome.done():  # otherwise nobody waits any more
            set_outcome(value)

    def work() -> None:
        settled: tuple[Callable[[Any], None], object]
        try:
            settled = (outcome.set_result, function())
        except StopIteration as exc:
            error = RuntimeError(f"{function!r} raised StopIteration")
            error.__cause__ = exc
            settled = (outcome.set_exception, error)
        except BaseException as exc:  # noqa: BLE001 - raised in the caller
            settled = (outcome.set_exception, exc)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, *settled)

    threading.Thread(target=work, name="revloop work", daemon=True).start()
    return await outcome


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
