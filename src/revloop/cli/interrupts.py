"""Ctrl-C and SIGTERM: once to come to an end in good order, twice to end at once."""

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
    """Listens to both signals; the first calls what was set, the second cancels everything."""

    def __init__(self) -> None:
        self._stop: Callable[[], None] | None = None
        self._came = False

    def on_first(self, stop: Callable[[], None]) -> None:
        """Set what the first one calls; it is called at once, if that has come."""
        self._stop = stop
        if self._came:
            stop()

    async def listen(self, everything: anyio.CancelScope) -> None:
        """Listen until the second."""
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                if self._came:
                    break
                self._came = True
                output.say(
                    "Stopping: the rounds under way are finished. Ctrl-C again ends at once."
                )
                if self._stop is not None:
                    self._stop()
        everything.cancel()


async def run_interruptibly(
    work: Callable[[], Awaitable[T]],
    show: Callable[[], Coroutine[Any, Any, None]],
    interrupts: Interrupts,
) -> T | None:
    """Do some work while it is shown and can be interrupted.

    Args:
        work: Its result is given; an error of ours that it raises is raised.
        show: Shows how far it is, until it is cancelled.
        interrupts: Told by the work what to do at the first signal.

    Returns:
        None if the second signal ended it.
    """
    outcome: T | None = None
    async with task_group() as tasks:
        tasks.start_soon(interrupts.listen, tasks.cancel_scope)
        tasks.start_soon(show)
        outcome = await work()
        tasks.cancel_scope.cancel()
    return outcome
