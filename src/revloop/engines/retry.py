"""The one place that knows about retries."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pydantic import Field
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from revloop.errors import TransientError
from revloop.trajectory import Frozen

if TYPE_CHECKING:
    from tenacity.wait import wait_base

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
    longest_wait_s: float = Field(
        default=60.0,
        ge=0,
        description="No wait is longer, in seconds, not even one that the server asks for.",
    )

    def retrying(self) -> AsyncRetrying:
        """A fresh tenacity loop that follows this policy and re-raises the last error."""
        waits = wait_random_exponential(self.first_wait_s, max=self.longest_wait_s)
        return AsyncRetrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(self.attempts),
            wait=lambda state: self._wait_s(state, waits),
            before_sleep=_log,
            reraise=True,
        )

    def _wait_s(self, state: RetryCallState, waits: wait_base) -> float:
        error = _error_of(state)
        asked_s = error.retry_after_s if isinstance(error, TransientError) else None
        wait_s: float = waits(state)
        return wait_s if asked_s is None else min(max(asked_s, wait_s), self.longest_wait_s)


def _error_of(state: RetryCallState) -> BaseException | None:
    return None if state.outcome is None else state.outcome.exception()


def _log(state: RetryCallState) -> None:
    logger.info("try %d failed, trying again: %s", state.attempt_number, _error_of(state))
