"""Failures of a model in this process, as errors of ours."""

from __future__ import annotations

from revloop.errors import (
    DoesNotFitError,
    EngineError,
    ModelConfigError,
    RejectedError,
    ServingError,
)
from revloop.models.memory import ran_out_of_memory


def failure_of(exc: BaseException, where: str) -> EngineError:
    """What an error that a model raised while it generated means for the request.

    Memory that runs out is this request's fault: a shorter one may fit. Anything else may be the
    model's, and counts against it.

    Args:
        exc: What was raised.
        where: Names the model for the message.
    """
    if ran_out_of_memory(exc):
        return RejectedError(
            f"{where} ran out of memory ({failure_line(exc)}). Shorter texts or lower token limits "
            "need less; so do fewer requests at once, a smaller model, or a server with more "
            "memory (--base-url)."
        )
    return EngineError(f"{where} failed: {failure_line(exc)}")


def not_loaded(exc: BaseException, model: str) -> ServingError:
    """What an error that was raised while a model was loaded means."""
    if ran_out_of_memory(exc):
        return DoesNotFitError(
            f"{model} does not fit into the memory here: {failure_line(exc)} Free some memory, "
            "name a smaller model, or name a server with more memory (--base-url)."
        )
    return ModelConfigError(f"{model} cannot be loaded: {failure_line(exc)}")


def failure_line(exc: BaseException) -> str:
    """The first line of an error's message, or its kind where it has none."""
    return next(iter(str(exc).strip().splitlines()), type(exc).__name__)
