"""What an engine was asked and what it answered, kept in the order of asking."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from revloop.engines.metrics import ReportsLoad, ServerLoad
from revloop.engines.wrapper import EngineWrapper

if TYPE_CHECKING:
    from revloop.engines.base import Completion, Engine, Request
    from revloop.trajectory import Usage


@dataclass(frozen=True, slots=True)
class Sent:
    """One request that was answered.

    Attributes:
        request: What was asked.
        usage: Its tokens.
        sent_s: When it was handed to the engine, in seconds of :func:`time.perf_counter`.
        answered_s: When the whole answer was there.
        retries: How many times it was sent again after a passing fault.
    """

    request: Request
    usage: Usage
    sent_s: float
    answered_s: float
    retries: int


@dataclass(slots=True)
class Recording:
    """All requests of a run; those that failed are counted, not kept.

    Attributes:
        answered: In the order in which they were answered.
        failed: How many had no answer.
    """

    answered: list[Sent] = field(default_factory=list)
    failed: int = 0

    def in_order_of_sending(self) -> list[Sent]:
        """The requests as they were handed to the engine."""
        return sorted(self.answered, key=lambda sent: sent.sent_s)


class RecordingEngine(EngineWrapper):
    """An engine that writes down what passes through it. The engine within stays its owner's."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.recording = Recording()

    async def generate(self, request: Request) -> Completion:
        """Generate once, and remember it."""
        sent_s = time.perf_counter()
        try:
            completion = await self._engine.generate(request)
        except BaseException:
            self.recording.failed += 1
            raise
        self.recording.answered.append(
            Sent(request, completion.usage, sent_s, time.perf_counter(), completion.retries)
        )
        return completion

    async def load(self) -> ServerLoad:
        """How busy the engine is, as far as it tells."""
        return await self._engine.load() if isinstance(self._engine, ReportsLoad) else ServerLoad(0)
