"""How many requests are under way at once, and which goes first."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

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
"""Requests at the start over a vLLM server that does not tell the size of its KV cache."""

_IDLE_SLACK = (
    4  # requests that may always wait in the engine, so that a free place is taken at once
)
_FULL_CACHE_SHARE = 0.95


def first_limit(bounds: Concurrency, load: ServerLoad | None, context_tokens: int | None) -> int:
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


def next_limit(
    limit: int, bounds: Concurrency, before: ServerLoad, now: ServerLoad, *, wanted: bool
) -> int:
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
        # those that wait in the engine stay there for a while whatever is done here, and must not
        # be subtracted again each time they are seen: it would run empty later
        fewer = limit - (now.waiting - slack + 1) // 2
        changed = min(limit, max(fewer, (now.running or 0) + slack))
    elif wanted and (now.kv_cache_share or 0.0) < _FULL_CACHE_SHARE:
        changed = limit + max(_IDLE_SLACK, limit // 4)
    else:
        changed = limit
    return max(bounds.least, min(bounds.most, changed))


def _slack(load: ServerLoad) -> int:
    return _IDLE_SLACK + (load.running or 0) // 8


@dataclass(frozen=True, slots=True)
class Priority:
    """Where the trajectory of a request stands.

    Attributes:
        rounds_done: Rounds that it has done.
        rounds_left: Rounds that it has to go, the one of this request included.
        size: Length of the request's prompt, in characters; the longer a version is, the longer
            are the critiques and revisions of it.
        mid_round: Whether an earlier request of the same round has been answered.
    """

    rounds_done: int
    rounds_left: int = 1
    size: int = 1
    mid_round: bool = False


@dataclass(frozen=True, slots=True, order=True)
class _QueuedRequest:
    """A request before the gate; the least one goes first."""

    rank: tuple[bool, int]
    number: int
    priority: Priority = field(compare=False)
    turn: asyncio.Future[None] = field(compare=False)


class HaltedError(Exception):
    """A round or a trajectory was about to start after the batch was told to stop."""


class Gate:
    """Lets so many requests through at a time, in the order that serves the batch best.

    The second request of a round goes before all first ones: the blocks of its prompt are still in
    the engine's cache. Else trajectories near their end go first, so results flow early, for as
    long as more of them are to come. Once all are here, those with most to do are first: else the
    last few of them would be left to end alone, one request after the other, in an engine that is
    all but idle (longest processing time first: Graham 1969, "Bounds on Multiprocessing Timing
    Anomalies").

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
        self._queue: list[_QueuedRequest] = []
        self._numbers = itertools.count()
        self._all_are_here = False

    @property
    def is_full(self) -> bool:
        """Whether whoever comes now must wait."""
        return self.inside >= self.limit

    def allow(self, limit: int) -> None:
        """Set how many may be inside; those inside stay."""
        self.limit = limit
        self._let_in()

    def all_are_here(self) -> None:
        """No trajectory will come that is not here: from now on those with most to do go first."""
        self._all_are_here = True
        self._queue = [replace(one, rank=self._rank(one.priority)) for one in self._queue]
        heapq.heapify(self._queue)

    def close(self) -> None:
        """Let no new round start: those that wait for one are turned away."""
        self.is_closed = True
        queue, self._queue = self._queue, []
        for one in queue:
            if not one.turn.done():
                one.turn.set_result(None)
                self.inside += 1

    @asynccontextmanager
    async def turn(self, priority: Priority) -> AsyncIterator[None]:
        """Wait until it is this request's turn, and be inside for the block."""
        if self.is_full or self._queue:
            await self._wait(priority)
        else:
            self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1
            self._let_in()

    def _rank(self, priority: Priority) -> tuple[bool, int]:
        to_do = priority.rounds_left * priority.size
        return not priority.mid_round, -(to_do if self._all_are_here else priority.rounds_done)

    async def _wait(self, priority: Priority) -> None:
        turn = asyncio.get_running_loop().create_future()
        waiting = _QueuedRequest(self._rank(priority), next(self._numbers), priority, turn)
        heapq.heappush(self._queue, waiting)
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
            turn = heapq.heappop(self._queue).turn
            if not turn.done():
                turn.set_result(None)
                self.inside += 1


class GatedEngine(EngineWrapper):
    """An engine as one trajectory sees it: each request waits for its turn at the gate.

    Args:
        engine: The engine.
        gate: The gate before it.
        trajectory: The trajectory.
        iterations: Rounds that it shall have in the end.
        on_reply: Called with every completion, usable or not.
    """

    def __init__(
        self,
        engine: Engine,
        gate: Gate,
        trajectory: OpenTrajectory,
        *,
        iterations: int,
        on_reply: OnReply | None = None,
    ) -> None:
        super().__init__(engine)
        self._gate = gate
        self._trajectory = trajectory
        self._iterations = iterations
        self._on_reply = on_reply
        self._round_begun = -1

    async def generate(self, request: Request) -> Completion:
        """Generate once, when it is this request's turn.

        Raises:
            HaltedError: The request would begin a round, and none may begin any more.
            EngineGoneError: No request of this run can succeed any more: the trajectory waits, and
                has not failed.
        """
        self._check()
        rounds_done = self._trajectory.rounds
        priority = Priority(
            rounds_done,
            rounds_left=self._iterations - rounds_done,
            size=_size(request.prompt),
            mid_round=self._round_begun == rounds_done,
        )
        async with self._gate.turn(priority):
            self._check()
            self._round_begun = rounds_done
            try:
                completion = await self._engine.generate(request)
            except UnusableEngineError as exc:
                raise EngineGoneError(str(exc)) from exc
        if self._on_reply is not None:
            self._on_reply(completion)
        return completion

    def _check(self) -> None:
        if self._gate.is_closed and self._round_begun != self._trajectory.rounds:
            raise HaltedError


def _size(prompt: Rendered) -> int:
    texts = [prompt] if isinstance(prompt, str) else [message.content for message in prompt]
    return sum(map(len, texts))
