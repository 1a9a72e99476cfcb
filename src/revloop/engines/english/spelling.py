"""Misspellings: words that no vocabulary has, and words of it that they may stand for."""

from __future__ import annotations

import re
from string import ascii_lowercase
from typing import TYPE_CHECKING, NamedTuple

from revloop.engines.english.fixed import is_fixed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

_WORD = re.compile(r"(?<![\w'\u2019*_`/@.-])[A-Za-z][a-z]{2,}(?![\w'\u2019*_`/@-]|\.\w)")
_SENTENCE_ENDS = ".!?"
_BLANK = "\u0120"
"""How byte-level tokenizers write the blank before a word."""

_BRITISH = (("s", "z"), ("our", "or"), ("re", "er"), ("ll", "l"), ("ogue", "og"), ("ae", "e"))
"""Spellings on both sides of the ocean: neither is a mistake."""


class Misspelling(NamedTuple):
    """A word that the vocabulary does not have.

    Attributes:
        start: Where it begins, in characters of the text.
        end: Where it ends.
        words: What it may stand for.
    """

    start: int
    end: int
    words: tuple[str, ...]


def vocabulary_of(tokens: Iterable[str]) -> frozenset[str]:
    """The words among a byte-level tokenizer's tokens: those in small letters after a blank."""
    words = (token.removeprefix(_BLANK) for token in tokens if token.startswith(_BLANK))
    return frozenset(word for word in words if word.isascii() and word.isalpha() and word.islower())


def misspellings(text: str, vocabulary: Collection[str]) -> Iterator[Misspelling]:
    """The unknown words of a text that a single slip makes of known ones.

    Names, words in marks, code, addresses and other spellings of English are left out.

    Args:
        text: A passage of prose.
        vocabulary: Known words in small letters.
    """
    for match in _WORD.finditer(text):
        word = match[0].lower()
        if word in vocabulary or (match[0] != word and not _begins(text[: match.start()])):
            continue
        words = (
            one for one in _one_slip_away(word) if one in vocabulary and not _is_variant(word, one)
        )
        found = tuple(sorted(one.capitalize() if match[0] != word else one for one in words))
        if found and not is_fixed(text, *match.span()):
            yield Misspelling(*match.span(), found)


def _begins(before: str) -> bool:
    """Whether a sentence begins after this."""
    before = before.rstrip(" *\"'\u201c(")
    return not before or before[-1] in _SENTENCE_ENDS


def _one_slip_away(word: str) -> set[str]:
    """Words with a letter more, less or other, or with two letters in the other order."""
    parts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    return {
        *(left + right[1:] for left, right in parts if right),
        *(left + right[1] + right[0] + right[2:] for left, right in parts if len(right) > 1),
        *(left + one + right[1:] for left, right in parts if right for one in ascii_lowercase),
        *(left + one + right for left, right in parts for one in ascii_lowercase),
    }


def _is_variant(word: str, other: str) -> bool:
    return any(other in {word.replace(one, two), word.replace(two, one)} for one, two in _BRITISH)
