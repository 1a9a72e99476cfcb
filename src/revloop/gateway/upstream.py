"""The upstream: the server that writes the drafts, with the client's own parameters."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from anyio import CancelScope

from revloop.engines.deadlines import Deadlines
from revloop.engines.discovery import find_model
from revloop.engines.retry import RetryPolicy
from revloop.engines.transport import Transport
from revloop.errors import BadReplyError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from pydantic import SecretStr

    from revloop.gateway.asked import Kind

_MOST_KEYS = 64
"""Clients' keys with connections of their own; more are kept only while in use."""
_LIKELY_TOKENS = 4096
"""Of an answer without a limit, for the deadline and the largest reply."""
_RETRIES = RetryPolicy(attempts=4, longest_wait_s=5.0)
"""A client waits: after some seconds it may better try again itself."""
_LIMITS = ("max_completion_tokens", "max_tokens")


@dataclass(slots=True)
class _Connections:
    """The connections for one key."""

    transport: Transport
    users: int = 0


class Upstream:
    """The server that writes the drafts: connections and rate limits for each key.

    Create one with :meth:`connect`.

    Attributes:
        model: The model's name there.
    """

    def __init__(self, base_url: str, model: str, root: str) -> None:
        self.model = model
        self._base_url, self._root = base_url, root
        self._open: OrderedDict[str, _Connections] = OrderedDict()

    @classmethod
    async def connect(cls, base_url: str, *, model: str | None, key: SecretStr | None) -> Self:
        """Find out what a server serves.

        Args:
            base_url: The server's address.
            model: The model; None: its only one.
            key: The gateway's own key; None without one.

        Raises:
            EngineError: It cannot be reached, refuses the key, or does not serve the model.
            InputError: It serves several models and none is named.
        """
        transport = Transport(base_url, api_key=key, deadlines=Deadlines())
        try:
            found = await find_model(transport, model, RetryPolicy().for_first_contact())
        finally:
            await transport.aclose()
        return cls(base_url, found.id, transport.root)

    async def draft(
        self, kind: Kind, body: Mapping[str, Any], key: SecretStr | None
    ) -> Mapping[str, Any]:
        """The upstream's reply, with at least one choice.

        Args:
            kind: What is asked for, as in the path.
            body: The client's fields.
            key: The key to send; None: none.

        Raises:
            EngineError: There is none; the class says why.
        """
        limits = [body[name] for name in _LIMITS if isinstance(body.get(name), int)]
        tokens = max(1, *limits) if limits else _LIKELY_TOKENS
        async with self._transport(key) as transport:
            reply, _ = await transport.ask(
                "POST",
                f"{self._root}/{kind}",
                _with_choices,
                _RETRIES,
                body={**body, "model": self.model},
                max_tokens=tokens * (body.get("n") or 1),
            )
        return reply

    async def aclose(self) -> None:
        """Close all connections."""
        while self._open:
            _, connections = self._open.popitem()
            await connections.transport.aclose()

    @asynccontextmanager
    async def _transport(self, key: SecretStr | None) -> AsyncIterator[Transport]:
        name = "" if key is None else key.get_secret_value()
        if name not in self._open:
            transport = Transport(self._base_url, api_key=key, deadlines=Deadlines())
            self._open[name] = _Connections(transport)
        self._open.move_to_end(name)
        mine = self._open[name]
        mine.users += 1
        try:
            yield mine.transport
        finally:
            mine.users -= 1
            with CancelScope(shield=True):
                await self._close_idle()

    async def _close_idle(self) -> None:
        idle = [name for name, one in self._open.items() if not one.users]
        for name in idle[: max(0, len(self._open) - _MOST_KEYS)]:
            await self._open.pop(name).transport.aclose()


def _with_choices(reply: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices:
        raise BadReplyError(f"{where} sent a reply without choices.")
    if not all(isinstance(choice, dict) for choice in choices):
        raise BadReplyError(f"{where} sent malformed choices.")
    return reply
