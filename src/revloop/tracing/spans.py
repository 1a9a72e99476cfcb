"""Spans: what is traced, and nothing at almost no cost while nothing is traced."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from types import TracebackType

    Value = str | bool | int | float | tuple[str, ...]

INTERNAL, CLIENT = "INTERNAL", "CLIENT"
"""Kinds of spans, by their names in OpenTelemetry: work in this process, and requests."""

_asked: ContextVar[str] = ContextVar("what is asked for", default="")


class OpenSpan(Protocol):
    """A span that has begun."""

    def note(self, **attributes: Value | None) -> None:
        """Add attributes; ``__`` in a name stands for a dot, and None is left out."""
        ...


class Tracer(Protocol):
    """Begins spans."""

    content: bool
    """Whether prompts and replies are attributes of requests."""

    def begin(
        self, name: str, kind: str, attributes: Mapping[str, Any]
    ) -> AbstractContextManager[OpenSpan]:
        """A span that ends with the block; the one around it is its parent."""
        ...


class _NoSpan:
    """Stands for all spans while nothing is traced."""

    __slots__ = ()

    def __enter__(self) -> OpenSpan:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing has begun."""

    def note(self, **attributes: Value | None) -> None:
        """Nothing is noted."""


_NO_SPAN = _NoSpan()
_tracer: Tracer | None = None


def trace_with(tracer: Tracer | None) -> None:
    """Begin spans with a tracer from now on; None: trace nothing."""
    global _tracer  # noqa: PLW0603 - one command a process, and it is traced or not
    _tracer = tracer


def is_traced() -> bool:
    """Whether spans are recorded."""
    return _tracer is not None


def content_is_traced() -> bool:
    """Whether spans hold prompts and replies."""
    return _tracer is not None and _tracer.content


def span(name: str, kind: str = INTERNAL, **attributes: Value) -> AbstractContextManager[OpenSpan]:
    """A span that ends with the block; the one around it is its parent.

    Args:
        name: What it stands for.
        kind: :data:`CLIENT` for a request to a model.
        attributes: As for :meth:`OpenSpan.note`.
    """
    if _tracer is None:
        return _NO_SPAN
    return _tracer.begin(name, kind, dotted(attributes))


def dotted(attributes: Mapping[str, Value | None]) -> dict[str, Value]:
    """Attributes by their names in OpenTelemetry, without those that are None."""
    return {
        name.replace("__", "."): value for name, value in attributes.items() if value is not None
    }


class asking:  # noqa: N801 - used as a function
    """Name what the requests in a block are for: a critique, a verdict."""

    __slots__ = ("_token", "_what")

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        self._token = _asked.set(self._what) if _tracer is not None else None

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _asked.reset(self._token)


def what_is_asked() -> str:
    """What the current request is for; empty if nobody said."""
    return _asked.get()
