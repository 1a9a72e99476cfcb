"""The edits between two texts: what a critic is taught to write."""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from revloop.edits.edit import Edit
from revloop.edits.finding import Place, is_whole, places_of
from revloop.edits.words import matching_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_PIECES = re.compile(r"\w+(?:[^\w\s]\w+)*|\s+|[^\w\s]")
"""Words, with what stands inside them ("9:15", "don't", "e.g"), white space, and other characters:
a critic would get a part of a word or number wrong more easily."""

MERGED_GAP = 3
"""Pieces between two changes up to which they are one edit: a word and the blanks around it. More
saves hardly a token (`benchmarks/edits`), and single changes are easier to learn."""

_SMALL_STEPS = 16
"""Times that a passage is widened by a piece; after them by twice as many each time."""


class _Hunk(NamedTuple):
    """A stretch of both texts that differs, in pieces."""

    start: int
    end: int
    new_start: int
    new_end: int


def edits_between(before: str, after: str) -> tuple[Edit, ...]:
    """The edits that make one text of another, to the letter.

    Each passage is widened until it stands in the text once and, where there are any, begins and
    ends with words; what touches is one edit. None if the texts are equal.
    """
    if before == after:
        return ()
    if not before:
        return (Edit(find="", replacement=after),)
    return _Difference(before, after).edits()


class _Difference:
    def __init__(self, before: str, after: str) -> None:
        self._text = before
        self._old, self._new = _pieces(before), _pieces(after)
        self._starts = _starts(self._old)

    def edits(self) -> tuple[Edit, ...]:
        hunks = _merged(self._hunks())
        for turn in count():
            step = 2 ** max(0, turn - _SMALL_STEPS)
            widened = _merged(self._widened(hunk, step) for hunk in hunks)
            if widened == hunks:
                break
            hunks = widened
        return tuple(
            Edit(
                find="".join(self._old[hunk.start : hunk.end]),
                replacement="".join(self._new[hunk.new_start : hunk.new_end]),
            )
            for hunk in hunks
        )

    def _hunks(self) -> Iterator[_Hunk]:
        at = new_at = 0
        pairs = matching_words(self._old, self._new)
        for place, new_place in [*pairs, (len(self._old), len(self._new))]:
            if (place, new_place) != (at, new_at):
                yield _Hunk(at, place, new_at, new_place)
            at, new_at = place + 1, new_place + 1

    def _widened(self, hunk: _Hunk, step: int) -> _Hunk:
        """The hunk, some pieces wider on each side that needs it."""
        found = "".join(self._old[hunk.start : hunk.end])
        new = "".join(self._new[hunk.new_start : hunk.new_end])
        place = Place(self._starts[hunk.start], self._starts[hunk.end])
        is_unique = list(places_of(found, self._text)) == [place]
        left = not is_unique or _is_ragged(found[:1], new[:1])
        right = not is_unique or _is_ragged(found[-1:], new[-1:])
        start = max(0, hunk.start - left * step)
        end = min(len(self._old), hunk.end + right * step)
        # beside a hunk, both texts have the same pieces
        new_start, new_end = hunk.new_start - hunk.start + start, hunk.new_end - hunk.end + end
        return _Hunk(start, end, new_start, new_end)


def _is_ragged(*ends: str) -> bool:
    """Whether a passage or its replacement is empty, or has white space at this end."""
    return any(not end or end.isspace() for end in ends)


def _merged(hunks: Iterable[_Hunk]) -> list[_Hunk]:
    """Hunks with a small gap between them, or none, as one."""
    merged: list[_Hunk] = []
    for hunk in hunks:
        if merged and hunk.start - merged[-1].end <= MERGED_GAP:
            first = merged.pop()
            merged.append(_Hunk(first.start, hunk.end, first.new_start, hunk.new_end))
        else:
            merged.append(hunk)
    return merged


def _pieces(text: str) -> list[str]:
    """Words and what is between them, none of which divides a character that readers see as one."""
    pieces: list[str] = []
    end = 0
    for word in _PIECES.findall(text):
        if pieces and not is_whole(text, end):
            pieces[-1] += word
        else:
            pieces.append(word)
        end += len(word)
    return pieces


def _starts(pieces: Sequence[str]) -> list[int]:
    """Where each piece begins, and the end of the last."""
    starts = [0]
    for piece in pieces:
        starts.append(starts[-1] + len(piece))
    return starts
