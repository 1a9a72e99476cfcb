"""The one place that knows about retries."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pydantic import Field
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    wait_random_exponential,
)

from revloop.errors import EngineGoneError, TransientError
from revloop.values import Frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenacity.wait import wait_base

    from revloop.engines.outage import Outage

_LONGEST_WAIT_FOR_SERVER_S = 10.0
"""To try a closed port costs next to nothing, and a server that is back should not idle."""

logger = logging.getLogger("revloop.engines")


class RetryPolicy(Frozen):
    """How often and how patiently a request is sent again after a passing fault.

    What may be sent again is decided by the error's class: a
    :class:`~revloop.errors.TransientError`, nothing else.
    """

    attempts: int = Field(
        default=8, ge=1, description="Tries in all; with the waits below about a minute and a half."
    )
    first_wait_s: float = Field(
        default=0.5,
        ge=0,
        description="Longest wait before the second try, in seconds; it doubles with every try, "
        "and each wait is drawn between 0 and that, so that many clients do not come at once.",
    )
    fault_attempts: int = Field(
        default=5,
        ge=1,
        description="Tries in all of a request that the server fails on (500, an answer out of "
        "form) while it answers others: then the request is to blame, not the server.",
    )
    longest_wait_s: float = Field(
        default=60.0,
        ge=0,
        description="No wait is longer, in seconds, not even one that the server asks for.",
    )

    wait_for_server_s: float = Field(
        default=0.0,
        ge=0,
        description="Seconds that a server which answers nobody is waited for, however many tries "
        "that takes; 0: only the tries above count.",
    )

    def retrying(
        self,
        outage: Outage | None = None,
        on_retry: Callable[[BaseException], None] | None = None,
    ) -> AsyncRetrying:
        """A fresh tenacity loop that follows this policy and re-raises the last error.

        Args:
            outage: Tells whether the server is away; None where nobody knows.
            on_retry: Called with what went wrong each time before another try.
        """

        def tell(state: RetryCallState) -> None:
            error = _error_of(state)
            logger.info("try %d failed, trying again: %s", state.attempt_number, error)
            if on_retry is not None and error is not None:
                on_retry(error)

        waits = wait_random_exponential(self.first_wait_s, max=self.longest_wait_s)
        return AsyncRetrying(
            retry=retry_if_exception_type(TransientError),
            stop=_Patience(self, outage).is_over,
            wait=lambda state: self._wait_s(state, waits, outage),
            before_sleep=tell,
            reraise=True,
        )

    def _wait_s(self, state: RetryCallState, waits: wait_base, outage: Outage | None) -> float:
        error = _error_of(state)
        asked_s = error.retry_after_s if isinstance(error, TransientError) else None
        wait_s: float = waits(state)
        if self.wait_for_server_s and outage is not None and outage.away_s is not None:
            wait_s = min(wait_s, _LONGEST_WAIT_FOR_SERVER_S)
        return wait_s if asked_s is None else min(max(asked_s, wait_s), self.longest_wait_s)


class _Patience:
    """When one request gives up.

    A failure counts as a try if the server answered somebody since the one before: then the
    request is to blame. Else the server is away, and the time decides, not the number of tries.
    """

    def __init__(self, policy: RetryPolicy, outage: Outage | None) -> None:
        self._policy = policy
        self._outage = outage
        self._tries = 0
        self._outage_began: float | None = None

    def is_over(self, state: RetryCallState) -> bool:
        """Whether this failure was the last that is put up with.

        Raises:
            EngineGoneError: The server was waited for as long as it may be.
        """
        limit_s = self._policy.wait_for_server_s
        since = self._outage.since if limit_s and self._outage is not None else None
        goes_on = since is not None and since == self._outage_began
        self._outage_began = since
        if since is not None and self._outage is not None:
            away_s = self._outage.away_s or 0.0
            if away_s >= limit_s:
                raise EngineGoneError(
                    f"The server has answered nobody for {away_s:.0f} s, and was waited for "
                    f"{limit_s:g} s: {_error_of(state)}"
                ) from _error_of(state)
        if not goes_on:
            self._tries += 1
        return not goes_on and self._tries >= self._policy.attempts


def _error_of(state: RetryCallState) -> BaseException | None:
    return None if state.outcome is None else state.outcome.exception()
