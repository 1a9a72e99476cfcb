"""Changes of a text, one by one: which of them only correct a word, or swap one small word."""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from revloop.edits import matching_words
from revloop.engines.english.fixed import is_fixed
from revloop.engines.english.words import CONFUSED, FORMS, SMALL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

_PIECES = re.compile(r"\w+(?:[^\w\s]\w+)*|\s+|[^\w\s]")
_WORD = re.compile(r"\w+(?:['\u2019]\w+)?")
_UNTOUCHED = re.compile(
    r"[\d*_`$\[\]{}#|<>=~:\"\u201c\u201d\u00ad\u200b-\u200f\u2060\ufeff]|[^\S ]"
    r"|(?<!\w)[+-]|(?<!\w)['\u2018]|['\u2019](?!\w)"
)
"""Numbers, markup, colons, quotation marks, line breaks, and blanks of any width but one."""

_SENTENCE_ENDS = '.!?:*"\u201c('
_NEGATIONS = frozenset({"no", "not"})
LIKENESS = 0.6
"""Least likeness of the words before and after (`difflib`'s ratio)."""


class WordChange(NamedTuple):
    """A stretch of a text that another text has in another form.

    Attributes:
        start: Where it begins, in characters of the text before.
        end: Where it ends.
        new: What stands there afterwards.
    """

    start: int
    end: int
    new: str


def changes_between(before: str, after: str) -> list[WordChange]:
    """The changes that make one text of another; those with only a blank between them are one.

    Where both texts have blanks, those of the text before stay.
    """
    old, new = _PIECES.findall(before), _PIECES.findall(after)
    starts = [0]
    for piece in old:
        starts.append(starts[-1] + len(piece))
    return [
        WordChange(starts[start], starts[end], "".join(new[new_start:new_end]))
        for start, end, new_start, new_end in _joined(_differences(old, new), old)
    ]


def changed(text: str, changes: Iterable[WordChange]) -> str:
    """The text after some of its changes."""
    written, at = [], 0
    for start, end, new in sorted(changes):
        written += [text[at:start], new]
        at = end
    return "".join((*written, text[at:]))


def is_small(text: str, change: WordChange) -> bool:
    """Whether a change corrects a word, or puts, takes away or swaps small words.

    It may take away a doubled word. Numbers, markup, colons and quotation marks stay, as do code,
    addresses, names, negations, and capitals that only become small letters.

    Args:
        text: The text before.
        change: One of its changes.
    """
    if is_fixed(text, change.start, change.end):
        return False
    passage = text[change.start : change.end]
    if Counter(_UNTOUCHED.findall(passage)) != Counter(_UNTOUCHED.findall(change.new)):
        return False
    old, new = _WORD.findall(passage), _WORD.findall(change.new)
    if old and _loses_a_capital(old, new):
        return False
    if _changes_a_name(text[: change.start], old, new):
        return False
    beside = _neighbours(text, change)
    return all(
        _alike(one, other, beside)
        for one, other in _unequal(
            _without_doubles(word.lower() for word in old),
            _without_doubles(word.lower() for word in new),
        )
    )


def _differences(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    at = new_at = 0
    both = ([" " if piece.isspace() else piece for piece in pieces] for pieces in (old, new))
    for place, new_place in [*matching_words(*both), (len(old), len(new))]:
        if (place, new_place) != (at, new_at):
            yield at, place, new_at, new_place
        at, new_at = place + 1, new_place + 1


def _joined(
    differences: Iterator[tuple[int, int, int, int]], old: Sequence[str]
) -> list[tuple[int, int, int, int]]:
    joined: list[tuple[int, int, int, int]] = []
    for start, end, new_start, new_end in differences:
        if joined and "".join(old[joined[-1][1] : start]).isspace():
            first = joined.pop()
            joined.append((first[0], end, first[2], new_end))
        else:
            joined.append((start, end, new_start, new_end))
    return joined


def _loses_a_capital(old: Sequence[str], new: Sequence[str]) -> bool:
    """Whether the words stay as they are, except that a capital is gone."""
    same = [word.lower() for word in old] == [word.lower() for word in new]
    return same and any(
        before != after and after.islower() for before, after in zip(old, new, strict=True)
    )


def _changes_a_name(before: str, old: Sequence[str], new: Sequence[str]) -> bool:
    """Whether a word with a capital, which no sentence begins with, becomes another."""
    kept = {word.lower() for word in new}
    begins = not before.strip() or before.rstrip()[-1] in _SENTENCE_ENDS
    return any(
        word[:1].isupper() and word != "I" and word.lower() not in kept
        for word in (old[1:] if begins else old)
    )


def _neighbours(text: str, change: WordChange) -> set[str]:
    before = _WORD.findall(text[: change.start].lower())[-1:]
    return {*before, *_WORD.findall(text[change.end :].lower())[:1]}


def _without_doubles(words: Iterator[str]) -> list[str]:
    return [word for word, _ in groupby(words)]


def _unequal(old: list[str], new: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    for tag, start, end, new_start, new_end in SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        if tag != "equal":
            yield old[start:end], new[new_start:new_end]


def _alike(old: list[str], new: list[str], beside: Collection[str]) -> bool:
    if not new and set(old) <= set(beside):
        return True  # a doubled word
    if SMALL.issuperset(old + new):
        return True
    if len(old) == len(new) and all(map(_is_form, old, new)):
        return True
    if not old or not new or _NEGATIONS & {*old, *new}:
        return False
    return _ratio("".join(old), "".join(new)) >= LIKENESS


def _is_form(old: str, new: str) -> bool:
    """Whether a word is another form of the other, or is often taken for it or misspelt so."""
    return (
        old == new
        or new in CONFUSED.get(old, ())
        or not FORMS.get(old, frozenset()).isdisjoint(FORMS.get(new, ()))
        or (not _NEGATIONS & {old, new} and _ratio(old, new) >= LIKENESS)
    )


def _ratio(old: str, new: str) -> float:
    return SequenceMatcher(None, old, new, autojunk=False).ratio()
