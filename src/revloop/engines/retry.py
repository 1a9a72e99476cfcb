"""The only place that knows about retries."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

from pydantic import Field
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from revloop.engines.outage import Outage
from revloop.errors import EngineGoneError, LateReplyError, TransientError
from revloop.values import Frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenacity.wait import wait_base

_LONGEST_WAIT_FOR_SERVER_S = 10.0
"""Reconnecting is cheap, and a server that is back should not idle."""
_FIRST_CONTACT_ATTEMPTS = 3

logger = logging.getLogger("revloop.engines")


class RetryPolicy(Frozen):
    """How often, and after which waits, a request is sent again.

    Only a :class:`~revloop.errors.TransientError` is retried.
    """

    attempts: int = Field(
        default=8, ge=1, description="Tries in total; about 90 seconds with the default waits."
    )
    first_wait_s: float = Field(
        default=0.5,
        ge=0,
        description="Longest wait before the second try, in seconds. It doubles with every try; "
        "each wait is drawn between 0 and this limit, to spread out the clients.",
    )
    fault_attempts: int = Field(
        default=5,
        ge=1,
        description="Tries in total for a request that the server fails on (500, malformed reply) "
        "while it answers others: then the request is at fault, not the server.",
    )
    longest_wait_s: float = Field(
        default=60.0,
        ge=0,
        description="Upper limit of every wait in seconds, including one that the server asks for.",
    )
    wait_for_server_s: float = Field(
        default=0.0,
        ge=0,
        description="Seconds to wait for an unreachable server, however many tries that takes; "
        "0: only ``attempts`` counts.",
    )

    @classmethod
    def for_batch(cls, wait_for_server_s: float) -> Self:
        """Many tries and a long wait for a server; the default policy if nothing is waited for.

        A server whose engine has died answers 500 for a while before its port is closed.
        """
        if not wait_for_server_s:
            return cls()
        return cls(attempts=20, wait_for_server_s=wait_for_server_s)

    def for_first_contact(self) -> Self:
        """Fewer tries, and no wait for the server: the address may be mistyped."""
        attempts = min(self.attempts, _FIRST_CONTACT_ATTEMPTS)
        return self.model_copy(update={"attempts": attempts, "wait_for_server_s": 0.0})

    def retrying(
        self,
        outage: Outage | None = None,
        on_retry: Callable[[BaseException], None] | None = None,
    ) -> AsyncRetrying:
        """A new tenacity loop that follows this policy and re-raises the last error.

        Args:
            outage: The server's outage clock, if there is one.
            on_retry: Called with the error before each retry.
        """
        clock = outage or Outage()

        def before_sleep(state: RetryCallState) -> None:
            error = _error_of(state)
            logger.info("try %d failed, trying again: %s", state.attempt_number, error)
            if on_retry is not None and error is not None:
                on_retry(error)

        waits = wait_random_exponential(self.first_wait_s, max=self.longest_wait_s)
        return AsyncRetrying(
            retry=retry_if_exception_type(TransientError),
            stop=_StopCondition(self, clock),
            wait=lambda state: self._wait_s(state, waits, clock),
            before_sleep=before_sleep,
            reraise=True,
        )

    def _wait_s(self, state: RetryCallState, waits: wait_base, outage: Outage) -> float:
        error = _error_of(state)
        asked_s = error.retry_after_s if isinstance(error, TransientError) else None
        wait_s: float = waits(state)
        if self.wait_for_server_s and outage.since is not None:
            wait_s = min(wait_s, _LONGEST_WAIT_FOR_SERVER_S)
        return wait_s if asked_s is None else min(max(asked_s, wait_s), self.longest_wait_s)


class _StopCondition:
    """Decides when one request is given up.

    A failure counts as a try if the server has answered any request since the one before. During
    an outage the time decides instead of the number of tries.
    """

    def __init__(self, policy: RetryPolicy, outage: Outage) -> None:
        self._policy = policy
        self._outage = outage
        self._tries = 0
        self._outage_began: float | None = None

    def __call__(self, state: RetryCallState) -> bool:
        """Whether to give up after this failure.

        Raises:
            EngineGoneError: The server was unreachable past the wait limit.
        """
        limit_s = self._policy.wait_for_server_s
        since = self._outage.since if limit_s else None
        same_outage = since is not None and since == self._outage_began
        self._outage_began = since
        away_s = self._outage.away_s or 0.0
        if since is not None and away_s >= limit_s:
            error = _error_of(state)
            is_late = isinstance(error, LateReplyError)
            raise EngineGoneError(
                f"The server {'answered nothing' if is_late else 'was unreachable'} for "
                f"{away_s:.0f} s, past the wait limit of {limit_s:g} s: {error}"
            ) from error
        if same_outage:
            return False
        self._tries += 1
        return self._tries >= self._policy.attempts


def _error_of(state: RetryCallState) -> BaseException | None:
    return None if state.outcome is None else state.outcome.exception()
