"""What no change may touch in a line of prose: code, addresses, paths and identifiers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPANS = re.compile(
    r"""
    (?<!`)(?P<ticks>`{1,9})(?!`) [^\n]{1,1000}? (?<!`)(?P=ticks)(?!`)   # code
    | (?<=\]) (?: \([^()\n]{0,1000}(?:\([^()\n]{0,200}\)[^()\n]{0,200})?\)  # where a link leads
              | \[[^\[\]\n]{0,200}\] )
    | <[A-Za-z/!][^<>\n]{0,1000}>                                       # a tag
    | \$(?=\S)[^$\n]{0,500}(?<=\S)\$(?!\d)                              # a formula
    """,
    re.VERBOSE,
)
_TOKEN = re.compile(r"\S+")
_FIXED = re.compile(
    r"""
    ^\W*--?[A-Za-z]            # an option of a command
    | ^\W*[@\#]\w | @ | ://    # a name or an address in a network
    | [^\W_][/\\_][^\W_] | \\  # a path, an identifier, a command of TeX
    | \w\.[a-z0-9]             # the name of a host or a file
    """,
    re.VERBOSE,
)


def is_fixed(text: str, start: int, end: int) -> bool:
    """Whether a stretch of a text has a part, or a place between parts, of what must stay.

    Args:
        text: A passage of prose.
        start: Where the stretch begins, in characters.
        end: Where it ends; at ``start`` if something is to be put there.
    """
    return any(start < span_end and end > span_start for span_start, span_end in _fixed_spans(text))


def _fixed_spans(text: str) -> Iterator[tuple[int, int]]:
    yield from (match.span() for match in _SPANS.finditer(text))
    yield from (match.span() for match in _TOKEN.finditer(text) if _FIXED.search(match[0]))
