"""Whether two engines ask the same model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from yarl import URL

from revloop.engines.wrapper import innermost

if TYPE_CHECKING:
    from revloop.engines.base import Engine

_IN_THIS_PROCESS = {"vllm", "transformers"}


@runtime_checkable
class HasAddress(Protocol):
    """An engine whose model is behind a server."""

    @property
    def address(self) -> str:
        """The server's address, without ``/v1``."""
        ...


def is_same_model(one: Engine, other: Engine) -> bool:
    """Whether two engines ask the same model: by name, at the same server or in this process.

    A model that a server offers under two names counts as two.
    """
    one, other = innermost(one), innermost(other)
    if one is other:
        return True
    place = _place(one)
    return place is not None and (place, one.info.model) == (_place(other), other.info.model)


def _place(engine: Engine) -> URL | str | None:
    """Where an engine's model is; None if that is not known."""
    if isinstance(engine, HasAddress):
        url = URL(engine.address)
        return url.with_host("127.0.0.1") if url.host == "localhost" else url
    return "here" if engine.info.kind in _IN_THIS_PROCESS else None
