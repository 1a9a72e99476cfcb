"""Ctrl-C and SIGTERM: the first stops gracefully, the second at once."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from revloop.cli import output
from revloop.concurrency import task_group

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

T = TypeVar("T")


class Interrupts:
    """Listens to both signals: the first calls a callback, the second cancels everything."""

    def __init__(self) -> None:
        self._stop: Callable[[], None] | None = None
        self._is_stopping = False

    def on_first(self, stop: Callable[[], None]) -> None:
        """Set the callback; it is called at once if the first signal has come already."""
        self._stop = stop
        if self._is_stopping:
            stop()

    async def listen(self, everything: anyio.CancelScope) -> None:
        """Listen until the second signal."""
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                if self._is_stopping:
                    break
                self._is_stopping = True
                output.say("Stopping after the rounds under way. Ctrl-C again stops at once.")
                if self._stop is not None:
                    self._stop()
        everything.cancel()


async def run_interruptibly(
    work: Callable[[], Awaitable[T]],
    show: Callable[[], Coroutine[Any, Any, None]],
    interrupts: Interrupts,
) -> T | None:
    """Run some work, show its progress, and let signals interrupt it.

    Args:
        work: Its errors are raised here.
        show: Shows the progress until it is cancelled.
        interrupts: Given its callback by the work.

    Returns:
        The work's result, or None if the second signal ended it.
    """
    outcome: T | None = None
    async with task_group() as tasks:
        tasks.start_soon(interrupts.listen, tasks.cancel_scope)
        tasks.start_soon(show)
        outcome = await work()
        tasks.cancel_scope.cancel()
    return outcome
