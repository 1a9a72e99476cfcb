"""How long a server has been unreachable: one clock for all requests to it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from revloop.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

_FROM_A_PROXY = {502, 503, 504}
"""A proxy answers with these while the server behind it is down (RFC 9110, 15.6)."""


class Waiting(NamedTuple):
    """A wait for an unreachable server.

    Attributes:
        away_s: Seconds since the first failed request that no answer followed.
        limit_s: Seconds after which the wait is given up.
    """

    away_s: float
    limit_s: float


@runtime_checkable
class WaitsForServer(Protocol):
    """An engine that waits for its server to come back."""

    def waiting(self) -> Waiting | None:
        """The current wait; None while the server answers, or if the engine does not wait."""
        ...


class Faults(NamedTuple):
    """The temporary faults so far.

    Attributes:
        retries: Number of times a request was sent again.
        last: The message of the last fault.
        last_at_s: When it occurred, by the monotonic clock.
    """

    retries: int
    last: str
    last_at_s: float


@runtime_checkable
class ReportsFaults(Protocol):
    """An engine that reports the faults after which it retried."""

    def faults(self) -> Faults | None:
        """The faults so far; None without any."""
        ...


class Outage:
    """How long a server has been unreachable, or has answered no request.

    Args:
        now: A clock in seconds.

    Attributes:
        since: When the first failed request that no answer followed failed, by the clock; None
            while the server answers.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self.since: float | None = None

    @property
    def away_s(self) -> float | None:
        """Seconds since then; None while the server answers."""
        return None if self.since is None else self._now() - self.since

    def note_status(self, status: int) -> None:
        """The server, or a proxy before it, answered with this status."""
        if status in _FROM_A_PROXY:
            self.begin()
        elif 400 <= status < 500:
            self.note_answer()

    def note_answer(self) -> None:
        """The server did what it was asked, or refused it with a reason."""
        self.since = None

    def note_failure(self, error: Exception) -> None:
        """A request failed with this error before the reply was complete."""
        if isinstance(error, UnreachableError):
            self.begin()

    def begin(self) -> None:
        """The server answers no request: the outage begins, or continues."""
        if self.since is None:
            self.since = self._now()
