"""What a repeated fault is due to: one request, the server, or the whole run.

A server that answers 500 may be failing and worth waiting for, or one prompt may break it every
time and should be given up. Answers to other requests tell the two apart; without any, a small
request is sent.
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
    SettingRefusedError,
    UnusableEngineError,
    WrongAddressError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from revloop.engines.outage import Outage

    Probe = Callable[[], Awaitable[object]]


class Health:
    """When a server last answered any request. Used in one event loop.

    Attributes:
        has_answered: Whether it has answered a request of this run.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.has_answered = False
        self._answered_at = self._probed_at = -1.0
        self._probing = asyncio.Lock()

    def note_answer(self) -> None:
        """The server has answered a request."""
        self.has_answered = True
        self._answered_at = self.now()

    async def has_answered_since(self, moment: float, probe: Probe | None) -> bool:
        """Whether the server has answered a request since ``moment``.

        Args:
            moment: A time by the clock :attr:`now`.
            probe: Sends a small request, shared by all waiting callers; None: nothing is sent.
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
    """Decides what the faults of one request are due to.

    Args:
        health: The server's health.
        outage: Begins when the server turns out to answer no request.
        probe: Sends a small request, if there is one.
        limit: Number of faults after which the request is suspected.
    """

    def __init__(self, health: Health, outage: Outage, probe: Probe | None, *, limit: int) -> None:
        self._health = health
        self._outage = outage
        self._probe = probe
        self._limit = limit
        self._faults = 0
        self._last_fault_at = health.now()

    async def weigh(self, error: EngineError) -> EngineError:
        """The error to raise instead, or the same one.

        A repeated server fault is due to the request if others are answered. So is an error that
        would end the whole run, if the server has answered before and answers a small request now:
        a firewall may answer 403 to a certain text.
        """
        if isinstance(error, SettingRefusedError) and error.parameter is not None:
            return error  # the request is sent again without it
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
        times = f"{fault} (This happened {self._faults} times"
        if await self._others_are_answered_since(before):
            return RepeatedFaultError(f"{times}, while other requests were answered.)")
        if not self._health.has_answered:
            return WrongAddressError(f"{times}, and with a small request too.)")
        self._outage.begin()
        return fault

    async def _others_are_answered_since(self, moment: float) -> bool:
        return await self._health.has_answered_since(moment, self._probe)
