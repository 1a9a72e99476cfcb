"""Tasks, threads and event loops whose exceptions reach whoever waits, as they were raised.

A task group wraps what its tasks raise in an ``ExceptionGroup``, which no ``except EngineError``
catches; a thread that ends with an exception leaves its waiters waiting; and Python does not exit
while an ordinary thread still reads from a terminal. So nothing else in revloop makes task groups,
threads or event loops; ``tests/test_concurrency.py`` holds it to that.
"""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Self, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from revloop.errors import InputError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from anyio.abc import TaskGroup

T = TypeVar("T")

_SAMPLE_EVERY_S = 0.1


@asynccontextmanager
async def task_group() -> AsyncIterator[TaskGroup]:
    """A task group of anyio's that raises the first error itself, not a group that holds it.

    As with anyio's, an error in one task or in the block cancels the others. ``KeyboardInterrupt``
    and ``SystemExit`` come before any other error; further errors are dropped.
    """
    error: BaseException | None = None
    try:
        async with anyio.create_task_group() as tasks:
            yield tasks
    except BaseExceptionGroup as group:
        error = first_error(group)
    if error is not None:
        raise error  # outside the except block, so that its cause and context stay its own


def first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error of a group that a caller should see: one that ends the program, else the first."""
    errors = list(_leaves(group))
    return next((error for error in errors if not isinstance(error, Exception)), errors[0])


async def run_in_thread(function: Callable[[], T]) -> T:
    """Run a function in a thread of its own, which a cancelled waiter leaves behind.

    For functions that may block for any time: reading a terminal or a pipe, code of a caller's. The
    thread is a daemon, so it does not keep the process from ending. (For functions that come to
    an end, ``anyio.to_thread.run_sync`` reuses its threads.)

    Raises:
        BaseException: Whatever the function raises; a ``StopIteration``, which no coroutine may
            raise, as ``RuntimeError``.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if outcome.done():
            return  # nobody waits any more
        if error is None:
            outcome.set_result(result)  # type: ignore[arg-type] # no error: a result
        else:
            outcome.set_exception(error)

    def work() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = function()
        except StopIteration as exc:
            error = RuntimeError(f"{function!r} raised StopIteration")
            error.__cause__ = exc
        except BaseException as exc:  # noqa: BLE001 - the waiter gets it
            error = exc
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=work, name="revloop work", daemon=True).start()
    return await outcome


def check_process(opened_in: int, what: str) -> None:
    """Check that something is used in the process that opened it: a fork has none of its threads.

    Args:
        opened_in: The id of that process.
        what: What was opened, for the message.

    Raises:
        InputError: This is another process.
    """
    if os.getpid() != opened_in:
        raise InputError(
            f"{what} was opened in another process, which this one was forked from: open one in "
            "each process."
        )


class LoopThread:
    """An event loop in a thread of its own, for synchronous callers; a context manager.

    The thread is a daemon: a caller who never leaves the block does not keep Python from exiting.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._portal: BlockingPortal | None = None
        self._ended: Future[None] = Future()
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        ready: Future[BlockingPortal] = Future()
        threading.Thread(target=self._run, args=(ready,), name="revloop loop", daemon=True).start()
        wait(_futures(ready, self._ended), return_when=FIRST_COMPLETED)
        if self._error is not None:
            raise self._error
        self._portal = ready.result()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stop the loop; what is still under way is cancelled if an error ended the block."""
        if os.getpid() != self._process or self._portal is None:
            return  # a fork has this object, but not its thread
        with suppress(RuntimeError):  # the loop has ended by itself
            self._portal.start_task_soon(self._portal.stop, kind is not None)
        self._ended.result()
        self._portal = None

    def call(self, function: Callable[..., Awaitable[T]], *arguments: object) -> T:
        """Run a coroutine function in the loop and wait for its result.

        An exception that comes to the waiting thread (``KeyboardInterrupt``) cancels the coroutine,
        and is raised when that has ended.

        Raises:
            InputError: The loop is not running, or belongs to the process that this one was forked
                from.
        """
        portal, left = self._open(), threading.Event()

        async def run() -> T:
            try:
                return await function(*arguments)
            finally:
                left.set()

        future = portal.start_task_soon(run)
        try:
            wait(_futures(future, self._ended), return_when=FIRST_COMPLETED)
        except BaseException:
            future.cancel()
            while not left.wait(_SAMPLE_EVERY_S) and not self._ended.done():
                pass
            raise
        if not future.done() or future.cancelled():
            raise self._error or InputError("The event loop has ended.")
        return future.result()

    def hold(self, manager: AbstractAsyncContextManager[T]) -> AbstractContextManager[T]:
        """An asynchronous context manager as a synchronous one, entered and left in the loop."""
        return self._open().wrap_async_context_manager(manager)

    def _open(self) -> BlockingPortal:
        check_process(self._process, "The reviser")
        if self._portal is None:
            raise InputError("The event loop is not running.")
        return self._portal

    def _run(self, ready: Future[BlockingPortal]) -> None:
        async def serve() -> None:
            async with BlockingPortal() as portal:
                ready.set_result(portal)
                await portal.sleep_until_stopped()

        try:
            anyio.run(serve)
        except BaseExceptionGroup as group:
            self._error = first_error(group)
        except BaseException as exc:  # noqa: BLE001 - whoever waits gets it
            self._error = exc
        finally:
            self._ended.set_result(None)


def _futures(*futures: Future[Any]) -> list[Future[Any]]:
    return list(futures)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
