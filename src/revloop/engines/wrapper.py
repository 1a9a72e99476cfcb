"""An engine around another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from revloop.engines.base import Engine
    from revloop.trajectory import EngineInfo


class EngineWrapper:
    """What an engine around another one passes on; ``generate`` is its own.

    The engine within belongs to someone else, who closes it.

    Args:
        engine: The engine within.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

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
        """The engine within stays open."""
