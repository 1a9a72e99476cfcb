"""Which parameters a server accepts: those that it refuses are renamed, or left out.

OpenAI's reasoning models take ``max_completion_tokens`` for ``max_tokens``, and refuse
``temperature``, ``top_p`` and ``stop``; Mistral calls the seed ``random_seed``; Anthropic takes
either ``temperature`` or ``top_p``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revloop.engines.base import Request
    from revloop.engines.classify import ServerError

TOKEN_LIMITS = ("max_tokens", "max_completion_tokens")
"""A request always has one of them."""

_OPTIONAL = (
    *("top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty"),
    *("top_p", "seed", "stop", "temperature"),
)
"""What a request can do without. If a server names two, as in "temperature and top_p cannot both be
specified", the first one goes."""
_OTHER_NAMES = {"seed": "random_seed", "max_tokens": "max_completion_tokens"}

_NOT_KNOWN = re.compile(
    r"unsupported|support|unknown|unrecogni[sz]ed|unexpected|extra(neous)? |not (permitted|allowed)"
    r"|not a valid (field|parameter)|deprecated|cannot both|only one of|cannot find field"
    r"|only \S{1,8} is allowed",  # Moonshot, whose models have one temperature
    re.IGNORECASE,
)
"""The parameter itself is refused. A value out of bounds is the user's to change."""
_NAMED = (
    r"""["'`\[]{0}["'`\]]|invalid {0}\b"""
    r"|(argument|parameter|field|property|keyword)s?\b.{{0,60}}\b{0}\b"
)
"""How a name that is also a word of English stands in a message."""


def refused_parameter(error: ServerError) -> tuple[str, str | None] | None:
    """The parameter that an error refuses, if a request can be sent without it or renamed.

    Returns:
        Its name as sent, and the name to try instead (None: leave it out). None if the error
        refuses nothing of the kind.
    """
    if _NOT_KNOWN.search(f"{' '.join(error.names)} {error.words}") is None:
        return None
    known = (*_OPTIONAL, *_OTHER_NAMES.values(), *_OTHER_NAMES)
    if all(re.search(rf"\b{limit}\b", error.words) for limit in TOKEN_LIMITS):
        name: str | None = "max_tokens"
    elif error.param:
        name = error.param if error.param in known else None
    else:
        name = next((name for name in known if _is_named(name, error.words)), None)
    if name is None or name == "max_completion_tokens":
        return None  # no request is sent without a token limit
    if name == "seed" and "extra_forbidden" not in error.names:
        return name, None  # a server that ignores unknown names would ignore Mistral's
    return name, _OTHER_NAMES.get(name)


def _is_named(name: str, words: str) -> bool:
    pattern = _NAMED.format(name) if "_" not in name else rf"\b{name.replace('_', '_?')}\b"
    return re.search(pattern, words, re.IGNORECASE) is not None


class Parameters:
    """What a server has refused so far.

    Attributes:
        unsent: Parameters that are not sent any more.
    """

    def __init__(self) -> None:
        self.unsent: tuple[str, ...] = ()
        self._names: dict[str, str] = {}

    def shape(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A body without what the server refuses, and with the names that it knows."""
        unsent = {*self.unsent, *(self._names.get(name) for name in self.unsent)}
        return {
            self._names.get(name, name): value for name, value in body.items() if name not in unsent
        }

    def adapt(self, refused: str, other_name: str | None) -> str:
        """Rename a parameter, or leave it out from now on.

        Args:
            refused: Its name, as sent.
            other_name: The name to try instead, if there is one.

        Returns:
            What changed, for the user; empty if the parameter was not sent any more.
        """
        ours = next((ours for ours, name in self._names.items() if name == refused), None)
        name = ours or refused
        if name in self.unsent or (name in self._names and ours is None):
            return ""  # requests under way are refused for the same reason
        if ours is None and other_name is not None:
            self._names[name] = other_name
            return f"'{name}' is sent as '{other_name}' from now on."
        self.unsent = (*self.unsent, name)
        return f"'{name}' is not sent from now on, and the server's own value applies."


@runtime_checkable
class Negotiates(Protocol):
    """An engine that finds out which parameters its server accepts."""

    async def negotiate(self, sample: Request) -> None:
        """Find out which of a request's parameters the server accepts, before any is recorded."""
        ...
