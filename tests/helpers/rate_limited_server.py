"""A behaviour for :class:`StubServer` that enforces a limit of requests and tokens a minute.

    clock = Clock()
    meter = Meter(clock, rpm=10, tpm=None, tells=True)
    server.on(COMPLETIONS, meter)
    async with time_passes(clock, engine.transport.limiter):
        ...
    assert meter.refused == 0

It counts as OpenAI does: buckets that refill continuously, and ``max_tokens`` when a request
arrives. With ``tells``, every answer has OpenAI's headers; without, it counts the tokens that a
request used once it is answered, as gateways do.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from revloop.engines.rate_limit import estimated_tokens
from tests.helpers.stub_server import completion, error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

    from revloop.engines.rate_limiter import RateLimiter
    from tests.helpers.clocks import Clock

MINUTE_S = 60.0
USED_TOKENS = 10
"""By the answers of :func:`~tests.helpers.stub_server.completion`."""


class Bucket:
    """An amount that refills to its limit within a minute."""

    def __init__(self, clock: Clock, limit: int) -> None:
        self.limit = limit
        self._clock = clock
        self._level, self._at = float(limit), clock()

    @property
    def level(self) -> float:
        """What is left at this moment."""
        added = (self._clock() - self._at) / MINUTE_S * self.limit
        return min(float(self.limit), self._level + added)

    def take(self, amount: float) -> None:
        """Take an amount."""
        self._level, self._at = self.level - amount, self._clock()

    def headers(self, what: str) -> dict[str, str]:
        """OpenAI's headers."""
        reset_s = (self.limit - self.level) / self.limit * MINUTE_S
        return {
            f"x-ratelimit-limit-{what}": str(self.limit),
            f"x-ratelimit-remaining-{what}": str(math.floor(self.level)),
            f"x-ratelimit-reset-{what}": f"{reset_s:.3f}s",
        }


class Meter:
    """Answers requests within the limits, and 429 beyond them.

    Attributes:
        refused: Number of requests beyond a limit.
    """

    def __init__(
        self, clock: Clock, *, rpm: int | None = None, tpm: int | None = None, tells: bool = True
    ) -> None:
        self.refused = 0
        self._requests = None if rpm is None else Bucket(clock, rpm)
        self._tokens = None if tpm is None else Bucket(clock, tpm)
        self._tells = tells

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        costs = [(self._requests, 1), (self._tokens, estimated_tokens(body, body["max_tokens"]))]
        taken = [(bucket, cost) for bucket, cost in costs if bucket is not None]
        # rounding apart
        fits = all(bucket.level >= min(cost, bucket.limit) - 1e-3 for bucket, cost in taken)
        self.refused += not fits
        for bucket, cost in taken if fits else ():
            bucket.take(cost)
        if fits and self._tokens is not None and not self._tells:
            self._tokens.take(USED_TOKENS - costs[1][1])
        response = await (completion() if fits else error(429, "Rate limit reached."))(request)
        if self._tells:
            if self._requests is not None:
                response.headers.update(self._requests.headers("requests"))
            if self._tokens is not None:
                response.headers.update(self._tokens.headers("tokens"))
        return response


@asynccontextmanager
async def time_passes(clock: Clock, limiter: RateLimiter) -> AsyncIterator[None]:
    """Move a clock on by a second whenever requests wait and none is under way."""

    async def move() -> None:
        while True:
            if limiter.waiting and not limiter.limits.in_flight:
                clock.now_s += 1.0
                limiter.recheck()
            await asyncio.sleep(0.001)

    mover = asyncio.create_task(move())
    try:
        yield
    finally:
        mover.cancel()
