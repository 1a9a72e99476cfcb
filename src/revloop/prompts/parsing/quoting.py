"""Quotes the start of a text in a message."""

from __future__ import annotations

_QUOTED_CHARACTERS = 60
"""The most of a text that a reason quotes."""


def quoted(text: str) -> str:
    """The start of a text, on one line."""
    line = " ".join(text.split())
    return f"'{line if len(line) <= _QUOTED_CHARACTERS else line[:_QUOTED_CHARACTERS] + '…'}'"
