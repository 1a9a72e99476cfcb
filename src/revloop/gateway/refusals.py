"""Refusals in the form of OpenAI's errors, and what our errors mean to a client."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from revloop.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextFullError,
    InputError,
    ModelNotServedError,
    OverloadedError,
    QuotaError,
    RejectedError,
    SettingRefusedError,
    StoreError,
    TransientError,
)

if TYPE_CHECKING:
    from revloop.errors import RevloopError

_STATUS_OF: dict[type[Exception], tuple[int, str]] = {
    ContextFullError: (400, "context_length_exceeded"),
    ContentFilterError: (400, "content_filter"),
    RejectedError: (400, "rejected_by_upstream"),
    SettingRefusedError: (400, "unsupported_parameter"),
    ModelNotServedError: (404, "model_not_found"),
    InputError: (400, "invalid_value"),
    AuthenticationError: (401, "invalid_api_key"),
    QuotaError: (429, "insufficient_quota"),
    StoreError: (500, "not_stored"),
}
"""Status and code of errors, the most special ones first; others are the upstream's fault."""


class RefusedRequestError(Exception):
    """A request that gets an error instead of an answer.

    Attributes:
        status: The HTTP status.
        code: What is wrong, for programs.
        param: The field of the request that is at fault, if one is.
        retry_after_s: Seconds after which to try again; None: unknown.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.retry_after_s = retry_after_s

    @property
    def body(self) -> dict[str, Any]:
        """The error as OpenAI's clients read it."""
        error = {"message": str(self), "type": self._type, "param": self.param, "code": self.code}
        return {"error": error}

    @property
    def headers(self) -> dict[str, str]:
        """``Retry-After`` in whole seconds, if it is known."""
        if self.retry_after_s is None:
            return {}
        return {"Retry-After": str(max(1, math.ceil(self.retry_after_s)))}

    @property
    def _type(self) -> str:
        special = {401: "authentication_error", 429: "rate_limit_error"}
        general = "server_error" if self.status >= 500 else "invalid_request_error"
        return special.get(self.status, general)


def invalid(message: str, param: str | None = None) -> RefusedRequestError:
    """The refusal of a request that cannot be understood."""
    return RefusedRequestError(400, message, code="invalid_value", param=param)


def refusal_of(error: RevloopError, *, passes_keys_on: bool) -> RefusedRequestError:
    """What an error of the upstream or of the store means to a client.

    Args:
        error: The error.
        passes_keys_on: Whether the upstream got the client's own key.
    """
    said = str(error)
    if isinstance(error, AuthenticationError | QuotaError) and not passes_keys_on:
        # nothing that the client could change
        return RefusedRequestError(502, said, code="upstream_refused_gateway")
    for kind, (status, code) in _STATUS_OF.items():
        if isinstance(error, kind):
            param = error.parameter if isinstance(error, SettingRefusedError) else None
            return RefusedRequestError(status, said, code=code, param=param)
    after_s = error.retry_after_s if isinstance(error, TransientError) else None
    if isinstance(error, OverloadedError):
        return RefusedRequestError(
            429, said, code="upstream_overloaded", retry_after_s=after_s or 1.0
        )
    return RefusedRequestError(502, said, code="upstream_failed", retry_after_s=after_s)
