"""Quotations in a critique: whether the text that it criticises has what it quotes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from revloop.prompts.parsing.quoting import quoted
from revloop.prompts.parsing.thoughts import UnusableError

if TYPE_CHECKING:
    from collections.abc import Sequence

_QUOTATION = re.compile(r'"([^"\n]+)"')
_STRAIGHT = str.maketrans({"\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'"})


def refuse_invented(critique: str, given: Sequence[str]) -> None:
    """Refuse a critique all of whose quotations are made up.

    The first quotation of a line is taken for a passage of the text, the second for what should
    stand there instead. A critique without quotations passes, and so does one that quotes at least
    one passage of the text that it does not replace with itself.

    Args:
        critique: The critique.
        given: The texts that it may quote.

    Raises:
        UnusableError: No line quotes such a passage.
    """
    lines = [found for line in critique.splitlines() if (found := _quotations(line))]
    texts = [_folded(one) for one in given]
    if lines and not any(_is_real(found, texts) for found in lines):
        passage = lines[0][0]
        same = len(lines[0]) > 1 and passage == lines[0][1]
        why = "replaces a passage with itself" if same else "quotes what the text does not have"
        raise UnusableError(f"it {why}: {quoted(passage)}")


def _quotations(line: str) -> list[str]:
    return [" ".join(one.split()) for one in _QUOTATION.findall(line.translate(_STRAIGHT))]


def _is_real(found: Sequence[str], texts: Sequence[str]) -> bool:
    """Whether a text has the first quotation of a line, as whole words, and the second differs."""
    if len(found) > 1 and found[0] == found[1]:
        return False
    passage = re.compile(rf"(?<!\w){re.escape(_folded(found[0]).strip('.,'))}(?!\w)")
    return any(map(passage.search, texts))


def _folded(text: str) -> str:
    return " ".join(text.translate(_STRAIGHT).casefold().split())
