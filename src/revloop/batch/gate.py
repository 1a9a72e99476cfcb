"""Limits the requests under way, and decides which goes first."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from revloop.batch.lockstep import HaltedError, Lockstep
from revloop.engines.wrapper import EngineWrapper
from revloop.errors import EngineGoneError, UnusableEngineError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from revloop.engines.base import Completion, Engine, Request
    from revloop.engines.metrics import ServerLoad
    from revloop.options import Concurrency
    from revloop.prompts import Rendered
    from revloop.trajectory import OpenTrajectory

    OnReply = Callable[[Completion], None]

_CAUTIOUS_LIMIT = 32
"""Requests at the start for a vLLM server that does not report the size of its KV cache."""

_IDLE_SLACK = 4  # requests that may wait in the engine, to fill a free place at once
_FULL_CACHE_SHARE = 0.95


def first_limit(bounds: Concurrency, load: ServerLoad | None, context_tokens: int | None) -> int:
    """How many requests to allow at the start.

    As many as fit the KV cache at their longest; the engine's load then shows whether more do.

    Args:
        bounds: Least and most requests.
        load: The engine's load; None if it reports none, and ``bounds.most`` are allowed.
        context_tokens: Most tokens of one request.
    """
    if load is None:
        return bounds.most
    first = _CAUTIOUS_LIMIT
    if load.kv_cache_tokens is not None and context_tokens is not None:
        first = load.kv_cache_tokens // context_tokens
    return max(bounds.least, min(bounds.most, first))


def next_limit(
    limit: int, bounds: Concurrency, before: ServerLoad, now: ServerLoad, *, wanted: bool
) -> int:
    """How many requests to allow from now on.

    Half as many when the engine refused one (as TCP does: Jacobson 1988, "Congestion Avoidance and
    Control"). Fewer when more wait inside the engine than a free place needs: there they do
    nothing, and requests of higher priority cannot overtake them. Otherwise a quarter more if the
    limit is reached: a server reports a queue before it suffers, so steps need not be small.

    Args:
        limit: The current limit.
        bounds: Least and most requests.
        before: The engine's load the last time.
        now: Its load now.
        wanted: Whether the limit is reached.
    """
    if now.refused > before.refused:
        changed = limit // 2
    elif now.waiting is not None and now.waiting > (slack := _IDLE_SLACK + (now.running or 0) // 8):
        # those waiting in the engine stay there for a while: subtracting them again each time would
        # let the engine run empty later
        fewer = limit - (now.waiting - slack + 1) // 2
        changed = min(limit, max(fewer, (now.running or 0) + slack))
    elif wanted and (now.kv_cache_share or 0.0) < _FULL_CACHE_SHARE:
        changed = limit + max(_IDLE_SLACK, limit // 4)
    else:
        changed = limit
    return max(bounds.least, min(bounds.most, changed))


@dataclass(frozen=True, slots=True)
class Priority:
    """What decides when a request goes first.

    Attributes:
        rounds_done: Rounds that its trajectory has done.
        rounds_left: Rounds that its trajectory has left, this request's included.
        size: Length of the request's prompt in characters; longer versions have longer critiques
            and revisions.
        mid_round: Whether an earlier request of the same round has been answered.
    """

    rounds_done: int
    rounds_left: int = 1
    size: int = 1
    mid_round: bool = False


@dataclass(frozen=True, slots=True, order=True)
class _QueuedRequest:
    """A request waiting at the gate; the one with the lowest rank goes first."""

    rank: tuple[bool, int]
    number: int
    priority: Priority = field(compare=False)
    turn: asyncio.Future[None] = field(compare=False)


class Gate:
    """Lets a limited number of requests through, in the order that serves the batch best.

    The second request of a round goes first: its prompt's blocks are still in the engine's prefix
    cache. Then, while more trajectories are to come, those nearest to their end, so that results
    come early. Once all have come, those with the most work left: otherwise a few would end late,
    one request after another, in an almost idle engine (longest processing time first: Graham 1969,
    "Bounds on Multiprocessing Timing Anomalies").

    Must be used in one event loop.

    Attributes:
        limit: How many requests may be inside.
        inside: How many are inside.
        is_closed: Whether no new round may start.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.inside = 0
        self.is_closed = False
        self._queue: list[_QueuedRequest] = []
        self._numbers = itertools.count()
        self._input_ended = False

    @property
    def is_full(self) -> bool:
        """Whether the next request must wait."""
        return self.inside >= self.limit

    def allow(self, limit: int) -> None:
        """Set the limit; requests that are inside stay."""
        self.limit = limit
        self._admit()

    def input_ended(self) -> None:
        """All trajectories have come: those with the most work left now go first."""
        self._input_ended = True
        self._queue = [replace(one, rank=self._rank(one.priority)) for one in self._queue]
        heapq.heapify(self._queue)

    def close(self) -> None:
        """Let no new round start; waiting requests are released and refused."""
        self.is_closed = True
        queue, self._queue = self._queue, []
        for one in queue:
            if not one.turn.done():
                one.turn.set_result(None)
                self.inside += 1

    @asynccontextmanager
    async def turn(self, priority: Priority) -> AsyncIterator[None]:
        """Wait for this request's turn, and be inside during the block."""
        if self.is_full or self._queue:
            await self._wait(priority)
        else:
            self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1
            self._admit()

    def _rank(self, priority: Priority) -> tuple[bool, int]:
        to_do = priority.rounds_left * priority.size
        return not priority.mid_round, -(to_do if self._input_ended else priority.rounds_done)

    async def _wait(self, priority: Priority) -> None:
        turn = asyncio.get_running_loop().create_future()
        waiting = _QueuedRequest(self._rank(priority), next(self._numbers), priority, turn)
        heapq.heappush(self._queue, waiting)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # let in just before it was cancelled
                self.inside -= 1
                self._admit()
            raise

    def _admit(self) -> None:
        while self._queue and not self.is_full:
            turn = heapq.heappop(self._queue).turn
            if not turn.done():
                turn.set_result(None)
                self.inside += 1


@dataclass(slots=True)
class _Begun:
    """The last round that a trajectory has begun, at whichever engine: -1 before the first."""

    round: int = -1


class GatedEngine(EngineWrapper):
    """An engine for one trajectory: each request waits for its turn at the gate.

    Args:
        engine: The engine.
        gate: The gate before it.
        trajectory: The trajectory.
        iterations: Rounds that it gets in all.
        on_reply: Called with every completion, usable or not.
        on_round: Called before a round begins; it may close the gate.
        lockstep: Counts the trajectories that wait for the engine.
        begun: The round that it has begun, where another engine counts it too.
    """

    def __init__(
        self,
        engine: Engine,
        gate: Gate,
        trajectory: OpenTrajectory,
        *,
        iterations: int,
        on_reply: OnReply | None = None,
        on_round: Callable[[], None] | None = None,
        lockstep: Lockstep | None = None,
        begun: _Begun | None = None,
    ) -> None:
        super().__init__(engine)
        self._lockstep = lockstep or Lockstep()
        self._gate = gate
        self._trajectory = trajectory
        self._iterations = iterations
        self._on_reply = on_reply
        self._on_round = on_round
        self._begun = begun or _Begun()

    def beside(self, engine: Engine, gate: Gate) -> GatedEngine:
        """Another engine of the same trajectory, behind its own gate.

        A round that was begun at one of them is finished at the other after the gates are closed.
        """
        return GatedEngine(
            engine,
            gate,
            self._trajectory,
            iterations=self._iterations,
            on_reply=self._on_reply,
            on_round=self._on_round,
            lockstep=self._lockstep,
            begun=self._begun,
        )

    async def generate(self, request: Request) -> Completion:
        """Generate once, when it is this request's turn.

        Raises:
            HaltedError: The request would begin a round, and the gate is closed; or its answer is
                not waited for any more.
            EngineGoneError: No request of this run can succeed; the trajectory has not failed, and
                can be resumed.
        """
        self._check()
        rounds_done = self._trajectory.rounds
        priority = Priority(
            rounds_done,
            rounds_left=self._iterations - rounds_done,
            size=_size(request.prompt),
            mid_round=self._begun.round == rounds_done,
        )
        async with self._gate.turn(priority):
            if self._on_round is not None and self._begun.round != rounds_done:
                self._on_round()
            self._check()
            self._begun.round = rounds_done
            with self._lockstep.waits(self._trajectory.id):
                completion = await self._generate(request)
        if self._on_reply is not None:
            self._on_reply(completion)
        return completion

    async def _generate(self, request: Request) -> Completion:
        try:
            return await self._engine.generate(request)
        except UnusableEngineError as exc:
            raise EngineGoneError(str(exc)) from exc

    def _check(self) -> None:
        if self._gate.is_closed and self._begun.round != self._trajectory.rounds:
            raise HaltedError


def _size(prompt: Rendered) -> int:
    texts = [prompt] if isinstance(prompt, str) else [message.content for message in prompt]
    return sum(map(len, texts))
