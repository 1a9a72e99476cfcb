"""Record the requests to an engine and their replies."""

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
    """One answered request.

    Attributes:
        request: The request.
        usage: Its tokens.
        sent_s: When the engine got it, in seconds of :func:`time.perf_counter`.
        answered_s: When the reply was complete.
        retries: Number of retries after transient errors.
    """

    request: Request
    usage: Usage
    sent_s: float
    answered_s: float
    retries: int


@dataclass(slots=True)
class Recording:
    """All requests of a run; failed ones are only counted.

    Attributes:
        answered: Answered requests, in the order of their replies.
        failed: Number of failed requests.
    """

    answered: list[Sent] = field(default_factory=list)
    failed: int = 0

    def in_order_of_sending(self) -> list[Sent]:
        """The answered requests in the order in which they were sent."""
        return sorted(self.answered, key=lambda sent: sent.sent_s)


class RecordingEngine(EngineWrapper):
    """A wrapper that records requests. It does not close the engine within."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.recording = Recording()

    async def generate(self, request: Request) -> Completion:
        """Generate, and record the request."""
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
        """The engine's load, if it reports it."""
        return await self._engine.load() if isinstance(self._engine, ReportsLoad) else ServerLoad(0)
