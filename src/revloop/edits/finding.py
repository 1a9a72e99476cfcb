"""Finds a passage in a text: as it is, or with white space and quotes folded.

A place counts only if it takes no part of a character that readers see as one: a letter keeps its
accents, a CRLF stays whole. Places that begin and end with whole words come before those inside a
word, so "he" is found in "the rule that he made".
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_JOINER = "\u200d"
_QUOTES = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
    }
)
_SPACES = re.compile(r"\s+")


class Place(NamedTuple):
    """Where a passage stands: from ``start`` to before ``end``, in characters."""

    start: int
    end: int


def places_of(passage: str, text: str) -> Sequence[Place]:
    """Where a passage stands in a text, as it is: no place, one, or (if more) the first two."""
    return _preferred(text, _all_places(passage, text))


def folded_places_of(passage: str, text: str) -> Sequence[Place]:
    """The same with runs of white space as one blank, and all quotes straight."""
    wanted = _folded(passage).strip()
    folded, positions = _folded_with_positions(text)
    places = _all_places(wanted, folded)
    return _preferred(
        text, (Place(positions[place.start], positions[place.end - 1] + 1) for place in places)
    )


def is_whole(text: str, position: int) -> bool:
    """Whether a text can be divided here: not within a CRLF, an accented letter or an emoji."""
    if not 0 < position < len(text):
        return True
    before, after = text[position - 1], text[position]
    if before == "\r" and after == "\n":
        return False
    return _JOINER not in (before, after) and not unicodedata.category(after).startswith("M")


def _all_places(passage: str, text: str) -> Iterator[Place]:
    """All places of a passage, those that overlap too."""
    start = text.find(passage) if passage else -1
    while start >= 0:
        yield Place(start, start + len(passage))
        start = text.find(passage, start + 1)


def _preferred(text: str, places: Iterable[Place]) -> Sequence[Place]:
    whole, of_words = [], []
    for place in places:
        if not all(is_whole(text, position) for position in place):
            continue
        whole.append(place)
        if not any(_in_word(text, position) for position in place):
            of_words.append(place)
            if len(of_words) > 1:
                break
    return (of_words or whole)[:2]


def _in_word(text: str, position: int) -> bool:
    return 0 < position < len(text) and _is_word(text[position - 1]) and _is_word(text[position])


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _folded(text: str) -> str:
    return _SPACES.sub(" ", text.translate(_QUOTES))


def _folded_with_positions(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters the position in the text."""
    positions: list[int] = []
    end = 0
    for space in _SPACES.finditer(text):
        positions += range(end, space.start() + 1)
        end = space.end()
    positions += range(end, len(text))
    return _folded(text), positions
