"""Requests that wait for a job, and who waits for them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from revloop.engines.batch_api.lines import request_line
from revloop.values import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from revloop.engines.base import Request
    from revloop.engines.prepared import Prepared
    from revloop.engines.replies import Answer
    from revloop.errors import RevloopError

_DIGITS = 32
_VERSION = "/v1/"
"""Before the kind of a request in a file, wherever the server's API begins."""


def name_of(request: Request, prepared: Prepared) -> str:
    """The ``custom_id`` of a request: the same in every run of the command.

    The seed is part of it even if the server takes none, so that each try has its own answer.
    """
    return digest_of(prepared.kind, prepared.body, request.sampling.seed, length=_DIGITS)


class Attendance:
    """Counts the callers that do something else than wait for a job.

    Attributes:
        busy: Their number. While there are any, more requests may come at any moment.
    """

    def __init__(self) -> None:
        self.busy = 0

    @contextmanager
    def present(self) -> Iterator[None]:
        """A caller is here, and busy unless it waits for an :class:`Asked`."""
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1


@dataclass(slots=True, eq=False)
class Asked:
    """A request that waits for its outcome; equal requests share one.

    Attributes:
        name: Its ``custom_id``.
        prepared: What is sent.
        attendance: Counts those who wait.
        outcome: The answer, or an error; None until it is known.
    """

    name: str
    prepared: Prepared
    attendance: Attendance
    outcome: Answer | RevloopError | None = None
    _waiting: int = 0
    _known: anyio.Event = field(default_factory=anyio.Event)

    @property
    def endpoint(self) -> str:
        """The endpoint, as a file names it."""
        return _VERSION + self.prepared.kind

    def line(self) -> bytes:
        """The request as a line of a file."""
        return request_line(self.name, self.endpoint, self.prepared.body)

    def settle(self, outcome: Answer | RevloopError) -> None:
        """Give all who wait the outcome; they count as busy from now on."""
        self.outcome = outcome
        self.attendance.busy += self._waiting
        self._waiting = 0
        self._known.set()

    async def until_known(self) -> Answer | RevloopError:
        """Wait for the outcome."""
        while self.outcome is None:
            self._waiting += 1
            self.attendance.busy -= 1
            try:
                await self._known.wait()
            except BaseException:
                if self.outcome is None:
                    self._waiting -= 1
                    self.attendance.busy += 1
                raise
        return self.outcome
