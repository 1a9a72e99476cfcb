"""An event loop in a thread, for synchronous callers."""

from __future__ import annotations

import os
import threading
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from revloop.concurrency.tasks import first_error
from revloop.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

T = TypeVar("T")

_POLL_INTERVAL_S = 0.1


def check_process(opened_in: int, what: str) -> None:
    """Check that an object is used in the process that opened it: a fork has none of its threads.

    Args:
        opened_in: Id of the process that opened it.
        what: What was opened, for the message.

    Raises:
        InputError: This is another process.
    """
    if os.getpid() != opened_in:
        raise InputError(
            f"{what} was opened in another process, from which this one was forked. Open one in "
            "each process."
        )


class LoopThread:
    """A context manager that runs an event loop in a daemon thread, for synchronous callers."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._portal: BlockingPortal | None = None
        self._ended: Future[None] = Future()
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        ready: Future[BlockingPortal] = Future()
        threading.Thread(target=self._run, args=(ready,), name="revloop loop", daemon=True).start()
        _wait_for_any(ready, self._ended)
        if self._error is not None:
            raise self._error
        self._portal = ready.result()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stop the loop. If an error ended the block, running tasks are cancelled."""
        if os.getpid() != self._process or self._portal is None:
            return  # a fork has this object, but not its thread
        with suppress(RuntimeError):  # the loop has ended by itself
            self._portal.start_task_soon(self._portal.stop, kind is not None)
        self._ended.result()
        self._portal = None

    def call(self, function: Callable[..., Awaitable[T]], *arguments: object) -> T:
        """Run a coroutine function in the loop and wait for its result.

        An exception in the waiting thread (``KeyboardInterrupt``) cancels the coroutine, and is
        raised once the coroutine has ended.

        Raises:
            InputError: The loop is not running, or belongs to the parent of this forked process.
        """
        portal, ended = self._open(), threading.Event()

        async def run() -> T:
            try:
                return await function(*arguments)
            finally:
                ended.set()

        future = portal.start_task_soon(run)
        try:
            _wait_for_any(future, self._ended)
        except BaseException:
            future.cancel()
            while not ended.wait(_POLL_INTERVAL_S) and not self._ended.done():
                pass
            raise
        if not future.done() or future.cancelled():
            raise self._error or InputError("The event loop has ended.")
        return future.result()

    def hold(self, manager: AbstractAsyncContextManager[T]) -> AbstractContextManager[T]:
        """A synchronous context manager that enters and leaves an asynchronous one in the loop."""
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
        except BaseException as exc:  # noqa: BLE001 - raised in the caller
            self._error = exc
        finally:
            self._ended.set_result(None)


def _wait_for_any(*futures: Future[Any]) -> None:
    wait(futures, return_when=FIRST_COMPLETED)
