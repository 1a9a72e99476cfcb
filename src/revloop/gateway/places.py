"""How many requests are worked on, how many wait, and when a further one may come again."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from revloop.gateway.refusals import RefusedRequestError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_NEWS_SHARE = 0.2
"""Weight of the last request in the mean time of one."""
_LONGEST_ADVICE_S = 60.0


class Places:
    """A limited number of requests is worked on, and a limited number waits, first come first.

    Args:
        most: Most that are worked on.
        most_waiting: Most that wait.

    Attributes:
        taken: How many are worked on.
        waiting: How many wait.
    """

    def __init__(self, most: int, most_waiting: int) -> None:
        self.taken = 0
        self.waiting = 0
        self._most, self._most_waiting = most, most_waiting
        self._free = anyio.Semaphore(most, fast_acquire=True)
        self._mean_s = 1.0

    def refuse_if_full(self) -> None:
        """Refuse a request for which there is neither a place nor room to wait.

        Raises:
            RefusedRequestError: Too many wait already.
        """
        if self.taken < self._most or self.waiting < self._most_waiting:
            return
        advice_s = self._mean_s * (1 + self.waiting / self._most)
        raise RefusedRequestError(
            429,
            f"The gateway is busy: {self.taken} requests are worked on and {self.waiting} wait. "
            "Try again later.",
            code="gateway_busy",
            retry_after_s=min(_LONGEST_ADVICE_S, advice_s),
        )

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it during the block.

        Raises:
            RefusedRequestError: Too many wait already.
        """
        self.refuse_if_full()
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
        self.taken += 1
        began = time.monotonic()
        try:
            yield
        finally:
            self._mean_s += _NEWS_SHARE * (time.monotonic() - began - self._mean_s)
            self.taken -= 1
            self._free.release()
