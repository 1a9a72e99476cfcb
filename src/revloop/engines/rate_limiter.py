"""Requests wait, in order, until the rate limits let them through."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from revloop.engines.rate_headers import read_allowances
from revloop.engines.rate_limit import RateLimits, estimated_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revloop.engines.rate_limit import Spent


@runtime_checkable
class ObeysRateLimits(Protocol):
    """An engine that holds requests back to obey a server's rate limits."""

    def held_back(self) -> int:
        """Number of requests that wait for a rate limit."""
        ...


class RateLimiter:
    """Lets requests through, first come, first served. Use it in one event loop.

    Args:
        limits: The limits; by default only those that the server reports.

    Attributes:
        limits: The limits, and what has been spent of them.
        waiting: Number of requests that wait.
    """

    def __init__(self, limits: RateLimits | None = None) -> None:
        self.limits = limits or RateLimits()
        self.waiting = 0
        self._queue = asyncio.Lock()
        self._changed = asyncio.Event()

    async def enter(self, body: Mapping[str, Any], max_tokens: int) -> Spent:
        """Wait until a request may be sent, and count it.

        Args:
            body: Its body.
            max_tokens: Most tokens to generate.
        """
        tokens = estimated_tokens(body, max_tokens)
        if not self.waiting and not self.limits.wait_s(tokens):
            return self.limits.spend(tokens)
        self.waiting += 1
        try:
            async with self._queue:  # wakes those who wait in order, and forgets the cancelled
                while wait_s := self.limits.wait_s(tokens):
                    self._changed.clear()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(wait_s):
                            await self._changed.wait()
                return self.limits.spend(tokens)
        finally:
            self.waiting -= 1

    def note_headers(self, spent: Spent, headers: Mapping[str, str]) -> None:
        """Take over what a request's reply says about the server's limits."""
        if (said := read_allowances(headers)) is not None:
            self.limits.note(spent, said)
            self.recheck()

    def note_usage(self, spent: Spent, usage: Any) -> None:
        """Count the tokens that a request's reply reports, if it does."""
        total = usage.get("total_tokens") if isinstance(usage, dict) else None
        if isinstance(total, int) and total >= 0:
            self.limits.correct(spent, total)

    def leave(self, spent: Spent) -> None:
        """A request was answered, or given up."""
        self.limits.finish(spent)
        self.recheck()

    def give_back(self, spent: Spent) -> None:
        """A request never reached the server."""
        self.limits.give_back(spent)

    def hold(self, wait_s: float) -> None:
        """Send nothing for a time, because the server asked for it."""
        self.limits.hold(wait_s)
        self.recheck()

    def recheck(self) -> None:
        """Let the first of those who wait look at the limits again."""
        self._changed.set()
