"""Failures of a model in this process, translated into our errors."""

from __future__ import annotations

from revloop.errors import (
    DoesNotFitError,
    EngineError,
    ModelConfigError,
    RejectedError,
    ServingError,
    failure_line,
)
from revloop.models.memory import ran_out_of_memory


def failure_of(exc: BaseException, where: str) -> EngineError:
    """The error for a request during which a model raised ``exc``.

    Running out of memory is due to the request: a shorter one may fit.

    Args:
        exc: The exception.
        where: Names the model for the message.
    """
    if ran_out_of_memory(exc):
        return RejectedError(
            f"{where} ran out of memory ({failure_line(exc)}). Use shorter texts, lower token "
            "limits, fewer concurrent requests, a smaller model, or a server with more memory "
            "(--base-url)."
        )
    return EngineError(f"{where} failed: {failure_line(exc)}")


def not_loaded(exc: BaseException, model: str) -> ServingError:
    """The error for a model that raised ``exc`` while loading."""
    if ran_out_of_memory(exc):
        return DoesNotFitError(
            f"{model} does not fit into this machine's memory: {failure_line(exc)} Free memory, or "
            "use a smaller model or a server with more memory (--base-url)."
        )
    return ModelConfigError(f"{model} cannot be loaded: {failure_line(exc)}")
