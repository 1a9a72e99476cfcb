"""An engine that wraps another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from revloop.engines.base import Engine
    from revloop.trajectory import EngineInfo


class EngineWrapper:
    """Base of engines that wrap another one and add their own ``generate``.

    Args:
        engine: The wrapped engine; its owner closes it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def wrapped(self) -> Engine:
        """The wrapped engine."""
        return self._engine

    @property
    def info(self) -> EngineInfo:
        """Kind, model and version, for the record."""
        return self._engine.info

    @property
    def context_tokens(self) -> int | None:
        """Tokens that prompt and answer may have together."""
        return self._engine.context_tokens

    def count_tokens(self, text: str) -> int | None:
        """Number of tokens of ``text``."""
        return self._engine.count_tokens(text)

    async def aclose(self) -> None:
        """The wrapped engine stays open."""


def innermost(engine: Engine) -> Engine:
    """The engine within all wrappers."""
    while isinstance(engine, EngineWrapper):
        engine = engine.wrapped
    return engine
