"""How many requests are under way at once, and which goes first."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from revloop.errors import InputError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from revloop.engines.base import Completion, Engine, Request
    from revloop.engines.load import Load
    from revloop.trajectory import EngineInfo

DEFAULT_MIN_CONCURRENCY = 4
DEFAULT_MAX_CONCURRENCY = 512
_CAUTIOUS_LIMIT = 32
"""Requests at the start over a vLLM server that does not tell the size of its KV cache."""

_IDLE_SLACK = (
    4  # requests that may always wait in the engine, so that a free place is taken at once
)
_FULL_CACHE_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Concurrency:
    """Between which bounds the number of requests under way may move.

    Attributes:
        least: Never fewer are allowed, however busy the engine is.
        most: Never more.

    Raises:
        InputError: The bounds are out of order.
    """

    least: int = DEFAULT_MIN_CONCURRENCY
    most: int = DEFAULT_MAX_CONCURRENCY

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise InputError(
                f"The concurrency is between {self.least} and {self.most}: the least must be at "
                "least 1, and not above the most."
            )


def first_limit(bounds: Concurrency, load: Load | None, context_tokens: int | None) -> int:
    """How many requests to allow at the start.

    As many as the KV cache can hold whatever their length: from there on the engine's figures tell
    how many more there may be.

    Args:
        bounds: What is never left.
        load: The engine's load; None where it does not tell, and all that may be are allowed.
        context_tokens: Tokens that one request can take at most.
    """
    if load is None:
        return bounds.most
    first = _CAUTIOUS_LIMIT
    if load.kv_cache_tokens is not None and context_tokens is not None:
        first = load.kv_cache_tokens // context_tokens
    return max(bounds.least, min(bounds.most, first))


def next_limit(limit: int, bounds: Concurrency, before: Load, now: Load, *, wanted: bool) -> int:
    """How many requests to allow from now on.

    Half of them when the engine turned one away (as TCP does: Jacobson 1988, "Congestion Avoidance
    and Control"). Fewer when more of them wait inside the engine than are needed to fill a place
    that falls free: there they hold no KV cache, do nothing, and cannot be overtaken by those that
    are nearer to their end. Else more, by a quarter, if all are in use: a server tells of its
    queue before it suffers, so there is no need for small steps.

    Args:
        limit: How many are allowed now.
        bounds: What is never left.
        before: The engine's load when this was last asked.
        now: Its load now.
        wanted: Whether all that are allowed were under way.
    """
    if now.refused > before.refused:
        changed = limit // 2
    elif now.waiting is not None and now.waiting > (slack := _slack(now)):
        changed = limit - (now.waiting - slack + 1) // 2
    elif wanted and (now.kv_cache_share or 0.0) < _FULL_CACHE_SHARE:
        changed = limit + max(_IDLE_SLACK, limit // 4)
    else:
        changed = limit
    return max(bounds.least, min(bounds.most, changed))


def _slack(load: Load) -> int:
    return _IDLE_SLACK + (load.running or 0) // 8


class HaltedError(Exception):
    """A round was about to start after the batch was told to stop. Never leaves this package."""


class Gate:
    """Lets so many requests through at a time, those of trajectories near their end first.

    To be used in one event loop.

    Attributes:
        limit: How many may be inside.
        inside: How many are.
        is_closed: Whether no new round may start.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.inside = 0
        self.is_closed = False
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    @property
    def is_full(self) -> bool:
        """Whether whoever comes now must wait."""
        return self.inside >= self.limit

    def allow(self, limit: int) -> None:
        """Set how many may be inside; those inside stay."""
        self.limit = limit
        self._let_in()

    def close(self) -> None:
        """Let no new round start: those that wait for one are turned away."""
        self.is_closed = True
        queue, self._queue = self._queue, []
        for _, _, turn in queue:
            if not turn.done():
                turn.set_result(None)
                self.inside += 1

    @asynccontextmanager
    async def turn(self, rounds_done: int) -> AsyncIterator[None]:
        """Wait until it is this request's turn, and be inside for the block."""
        if self.is_full or self._queue:
            await self._wait(rounds_done)
        else:
            self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1
            self._let_in()

    async def _wait(self, rounds_done: int) -> None:
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (-rounds_done, next(self._numbers), turn))
        self._let_in()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # let in and cancelled at the same time
                self.inside -= 1
                self._let_in()
            raise

    def _let_in(self) -> None:
        while self._queue and not self.is_full:
            _, _, turn = heapq.heappop(self._queue)
            if not turn.done():
                turn.set_result(None)
                self.inside += 1


class GatedEngine:
    """An engine as one trajectory sees it: each request waits for its turn at the gate.

    Attributes:
        rounds_done: Rounds that the trajectory has done, to be kept up by its owner.
    """

    def __init__(self, engine: Engine, gate: Gate, rounds_done: int) -> None:
        self.rounds_done = rounds_done
        self._engine = engine
        self._gate = gate
        self._round_begun = -1

    @property
    def info(self) -> EngineInfo:
        """Kind, model and version, for the record."""
        return self._engine.info

    @property
    def context_tokens(self) -> int | None:
        """Tokens that prompt and answer may have together."""
        return self._engine.context_tokens

    def count_tokens(self, text: str) -> int | None:
        """Number of tokens of ``text``."""
        return self._engine.count_tokens(text)

    async def generate(self, request: Request) -> Completion:
        """Generate once, when it is this request's turn.

        Raises:
            HaltedError: The request would begin a round, and none may begin any more.
        """
        self._check()
        async with self._gate.turn(self.rounds_done):
            self._check()
            self._round_begun = self.rounds_done
            return await self._engine.generate(request)

    async def aclose(self) -> None:
        """The engine belongs to someone else."""

    def _check(self) -> None:
        if self._gate.is_closed and self._round_begun != self.rounds_done:
            raise HaltedError
