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


class Absence:
    """Tells a server that is away from a request that fails while others are answered.

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
            self._begin()
        else:
            self._since = None

    def note_failure(self, error: Exception) -> None:
        """A request failed with this error, before there was a whole answer."""
        if isinstance(error, UnreachableError):
            self._begin()

    def _begin(self) -> None:
        if self._since is None:
            self._since = self._now()
