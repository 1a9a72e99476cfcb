"""Since when a server has not answered: one clock for all requests to it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from revloop.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

_FROM_A_PROXY = {502, 503, 504}
"""What stands before a server answers these while the server itself is away (RFC 9110, 15.6)."""


class Waiting(NamedTuple):
    """A server is away, and waited for.

    Attributes:
        away_s: Seconds since a request to it failed, with no answer to any request after that.
        limit_s: Seconds that it is waited for.
    """

    away_s: float
    limit_s: float


@runtime_checkable
class WaitsForServer(Protocol):
    """An engine whose server may go away and come back."""

    def waiting(self) -> Waiting | None:
        """How long the server has been away; None while it answers, or nobody waits for it."""
        ...


class Faults(NamedTuple):
    """What has gone wrong with requests that were sent again.

    Attributes:
        retries: Times that a request was sent again.
        last: What went wrong the last time.
    """

    retries: int
    last: str


@runtime_checkable
class ReportsFaults(Protocol):
    """An engine that tells what goes wrong and is tried again."""

    def faults(self) -> Faults | None:
        """What went wrong so far; None while nothing has."""
        ...


class Outage:
    """How long a server has been unreachable, or has answered nobody.

    Args:
        now: A clock in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._since: float | None = None

    @property
    def since(self) -> float | None:
        """When the first failure came that no answer followed, by the clock."""
        return self._since

    @property
    def away_s(self) -> float | None:
        """Seconds since then; None while the server answers."""
        return None if self._since is None else self._now() - self._since

    def note_status(self, status: int) -> None:
        """The server, or a proxy before it, answered with this status."""
        if status in _FROM_A_PROXY:
            self.begin()
        elif 400 <= status < 500:
            self.note_answer()

    def note_answer(self) -> None:
        """The server did what it was asked, or refused it with a reason."""
        self._since = None

    def note_failure(self, error: Exception) -> None:
        """A request failed with this error, before there was a whole answer."""
        if isinstance(error, UnreachableError):
            self.begin()

    def begin(self) -> None:
        """The server answers nobody, from now on or since longer."""
        if self._since is None:
            self._since = self._now()
