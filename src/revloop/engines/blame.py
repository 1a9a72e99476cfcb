"""Who is to blame for a fault that does not pass: one request, the server, or the whole run.

A server that answers 500 may be dying, and should be waited for; or one prompt may break it each
time, and should be given up after a few tries. The answers to other requests tell the two apart.
Where there are none, the server is asked something small.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from revloop.errors import (
    BadReplyError,
    EngineError,
    RejectedError,
    RepeatedFaultError,
    ServerFaultError,
    UnusableEngineError,
    WrongAddressError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from revloop.engines.outage import Outage

    Probe = Callable[[], Awaitable[object]]


class Health:
    """Whether a server answers, by the requests of all. Used in one event loop.

    Attributes:
        has_answered: Whether it has ever answered a request of this run.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.has_answered = False
        self._answered_at = self._probed_at = -1.0
        self._probing = asyncio.Lock()

    def note_answer(self) -> None:
        """It has answered a request."""
        self.has_answered = True
        self._answered_at = self.now()

    async def has_answered_since(self, moment: float, probe: Probe | None) -> bool:
        """Whether it has answered a request since a moment.

        Args:
            moment: By the clock of :attr:`now`.
            probe: Sends a small request, once for all that want to know; None: nothing is sent.
        """
        async with self._probing:
            if self._answered_at >= moment:
                return True
            if probe is None or self._probed_at >= moment:
                return False
            self._probed_at = self.now()
            try:
                await probe()
            except EngineError:
                return False
            self.note_answer()
            return True


class Blame:
    """Weighs the faults of one request.

    Args:
        health: What is known of the server.
        outage: Is told when the server turns out to answer nobody.
        probe: Sends a small request; None where no request can be small.
        limit: Faults of this request that are put down to chance, and one more.
    """

    def __init__(self, health: Health, outage: Outage, probe: Probe | None, *, limit: int) -> None:
        self._health = health
        self._outage = outage
        self._probe = probe
        self._limit = limit
        self._faults = 0
        self._last_fault_at = health.now()

    async def weigh(self, error: EngineError) -> EngineError:
        """What an error turns out to be.

        A fault of the server that repeats is the request's where others are answered. An error
        that would end the whole run is the request's too, if the server has answered before and
        answers a small request now (a firewall answers 403 to a text that it does not like).
        """
        if isinstance(error, UnusableEngineError):
            now = self._health.now()
            if self._health.has_answered and await self._others_are_answered_since(now):
                return RejectedError(f"{error} (Other requests are answered.)")
        elif isinstance(error, ServerFaultError | BadReplyError):
            return await self._weigh_fault(error)
        return error

    async def _weigh_fault(self, fault: EngineError) -> EngineError:
        before, self._last_fault_at = self._last_fault_at, self._health.now()
        self._faults += 1
        if self._faults < self._limit:
            return fault
        times = f"{fault} (So it was {self._faults} times"
        if await self._others_are_answered_since(before):
            return RepeatedFaultError(f"{times}, while other requests were answered.)")
        if not self._health.has_answered:
            return WrongAddressError(f"{times}, and so it was with a small request.)")
        self._outage.begin()
        return fault

    async def _others_are_answered_since(self, moment: float) -> bool:
        return await self._health.has_answered_since(moment, self._probe)
