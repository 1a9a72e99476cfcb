"""Trajectories that move together: each waits until all have asked, as a job's requests do."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from anyio import CancelScope

if TYPE_CHECKING:
    from collections.abc import Iterator


class HaltedError(Exception):
    """A round or a trajectory was about to start after the batch was told to stop."""

    is_fault = False
    """For traces: nothing went wrong."""


class Lockstep:
    """Counts the trajectories that wait for the engine, and lets them go if the batch stops.

    For an engine whose answers take hours: nobody waits for them once the batch is to stop. For
    others it counts only.
    """

    def __init__(self) -> None:
        self._requests: Counter[str] = Counter()
        self._scopes: set[CancelScope] = set()

    @property
    def waiting(self) -> int:
        """Number of trajectories that wait for the engine."""
        return len(self._requests)

    @contextmanager
    def waits(self, trajectory: str) -> Iterator[None]:
        """A trajectory waits for the engine during the block.

        Raises:
            HaltedError: The batch has stopped, and the wait was abandoned.
        """
        self._requests[trajectory] += 1
        with CancelScope() as scope:
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.discard(scope)
                self._requests[trajectory] -= 1
                if not self._requests[trajectory]:
                    del self._requests[trajectory]
        if scope.cancelled_caught:
            raise HaltedError

    def abandon(self) -> None:
        """Wait for no answer any more."""
        for scope in list(self._scopes):
            scope.cancel()
