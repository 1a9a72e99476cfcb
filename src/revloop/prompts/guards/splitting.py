"""A text as guards read it: folded and split into words once, however many guards ask.

Most revisions are fine, so each guard first asks whether the text has something that every text
that it refuses has. That takes a look at a set; a pattern takes up to a hundred times as long.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORD = re.compile(r"\w+")
_BLANKS = {n: " " for n in range(128) if not re.match(r"\w", chr(n))}
"""A blank for each character of ASCII that is not part of a word."""


@dataclass(frozen=True)
class SplitText:
    """A text, and what is made of it on demand.

    Attributes:
        text: The text itself.
    """

    text: str

    @cached_property
    def folded(self) -> str:
        """The text without case."""
        return self.text.casefold()

    @cached_property
    def alike(self) -> str:
        """The text with one spelling for all that a pattern takes for equal if it ignores case.

        Patterns take the two Turkish letters for an i.
        """
        return self.folded.replace("\u0131", "i").replace("i\u0307", "i")

    @cached_property
    def plain(self) -> str:
        """The text without case, with single spaces."""
        return " ".join(self.folded.split())

    @cached_property
    def words(self) -> list[str]:
        """Its words, without case."""
        return words_of(self.folded)

    @cached_property
    def marked_words(self) -> list[str]:
        """Its words as patterns that ignore case find them, even between underscores."""
        spelt = self.alike.replace("_", " ")
        return self.words if spelt == self.folded else words_of(spelt)

    @cached_property
    def fours(self) -> frozenset[tuple[str, ...]]:
        """The distinct runs of four :attr:`words`."""
        return frozenset(runs(self.words, 4))

    @property
    def repeated_fours(self) -> int:
        """How many runs of four words were there before: more than of any longer runs."""
        return max(len(self.words) - 3, 0) - len(self.fours)

    def shares_words(self, other: SplitText) -> bool:
        """Whether four words in a row are in another text too."""
        return not self.fours.isdisjoint(runs(other.words, 4))


def words_of(text: str) -> list[str]:
    """The words of a text. Those of an ASCII text are found four times as fast."""
    return text.translate(_BLANKS).split() if text.isascii() else _WORD.findall(text)


def runs(words: list[str], length: int) -> Iterator[tuple[str, ...]]:
    """All runs of so many words, in order."""
    return zip(*(words[n:] for n in range(length)), strict=False)
