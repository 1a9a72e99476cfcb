"""How many requests a slow server is sent at once.

A server on a few cores shares its speed among its open requests. With too many, each is given up
at its deadline, sent again, and given up again: nothing is ever answered. So fewer are sent at once
after a late reply, and more again while replies come early (as TCP does: Jacobson 1988, "Congestion
Avoidance and Control").
"""

from __future__ import annotations

import logging
import math
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from revloop.errors import LateReplyError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_EARLY_SHARE = 0.5
"""Of the deadline: twice as many open requests would still be answered in time."""
_FEWER = 2
_FAR_FEWER = 8
"""What the number is divided by if no reply came in time: each trial costs a whole deadline."""

logger = logging.getLogger("revloop.engines")


class Crowding:
    """Lets as many requests be open as a server answers in time; any number until one is late.

    Must be used in one event loop.

    Args:
        server: The server's address, for messages.
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._places = anyio.CapacityLimiter(math.inf)
        self._period = 0  # the number of the present limit
        self._answered = False  # whether a reply came in time in this period
        self._may_help = True  # not if a request was late though it was alone
        self._told: set[str] = set()

    @property
    def open(self) -> int:
        """Number of requests that the server has."""
        return self._places.borrowed_tokens

    @property
    def waiting(self) -> int:
        """Number of requests that are held back."""
        return self._places.statistics().tasks_waiting

    def lift(self) -> None:
        """Hold nothing back until the server has answered: fewer requests do not help."""
        self._may_help = False
        self._places.total_tokens = math.inf

    @asynccontextmanager
    async def place(self, deadline_s: float) -> AsyncIterator[None]:
        """Wait until a request may be open, and send it in the block.

        Args:
            deadline_s: Seconds that the server has for the reply.
        """
        request = object()
        await self._places.acquire_on_behalf_of(request)
        period, sent_at = self._period, time.monotonic()
        try:
            yield
        except LateReplyError:
            if period == self._period:  # else it was sent when more were open
                self._note_late(deadline_s)
            raise
        else:
            self._note_answer()
            is_early = time.monotonic() - sent_at < _EARLY_SHARE * deadline_s
            if is_early and period == self._period and self._places.available_tokens <= 0:
                self._places.total_tokens += 1
        finally:
            self._places.release_on_behalf_of(request)

    def _note_answer(self) -> None:
        self._answered = self._may_help = True

    def _note_late(self, deadline_s: float) -> None:
        if self.open > 1 and self._may_help:
            self._narrow(self.open // (_FEWER if self._answered else _FAR_FEWER), deadline_s)
        elif not self._answered:
            self.lift()
            self._tell(
                "alone",
                f"{self._server} did not answer within {deadline_s:g} s, though no other request "
                "was open. It is asked again. If it is slow, shorter replies may come in time: "
                "--critique-max-tokens, --revision-max-tokens.",
            )

    def _narrow(self, most: int, deadline_s: float) -> None:
        were_open, most = self.open, max(1, most)
        self._places.total_tokens = most
        self._period += 1
        self._answered = False
        self._tell(
            "crowded",
            f"{self._server} did not answer within {deadline_s:g} s while {were_open} requests "
            f"were open. Now at most {most} are sent at once, and more when replies come early. "
            "If it is slow for so many, choose a lower --max-concurrency.",
        )

    def _tell(self, situation: str, message: str) -> None:
        """Warn once of each situation."""
        if situation not in self._told:
            self._told.add(situation)
            logger.warning("%s", message)
