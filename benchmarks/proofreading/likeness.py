"""Edits that keep what was meant: they correct a word, or put another small word in its place.

A small model takes some misspelt words for quite other ones. Leaving such edits out costs few
corrections, because the right form of a word looks like the wrong one.
"""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher
from itertools import groupby

from revloop.edits import Edit, apply, edits_between

_UNTOUCHED = re.compile(
    r"[\d*_`$\[\]{}#|<>=~:\"\u201c\u201d\n]|(?<!\w)[+-]|(?<!\w)['\u2018]|['\u2019](?!\w)"
)
"""Numbers, markup, colons, quotation marks and line breaks."""

_WORD = re.compile(r"\w+(?:'\w+)?")
_SMALL = frozenset(
    (
        *("a", "an", "the", "in", "on", "at", "for", "to", "of", "with", "from", "by", "about"),
        *("into", "is", "are", "was", "were", "be", "been", "has", "have", "had", "do", "does"),
        *("it", "they", "that", "he", "she"),
    )
)
LIKENESS = 0.6
"""Least likeness of the words before and after (`difflib`'s ratio)."""


def only_like(before: str, after: str) -> str:
    """The text after those edits alone whose new words are like the old ones.

    Args:
        before: The text before.
        after: The text after all edits.
    """
    return apply(before, [edit for edit in edits_between(before, after) if is_like(edit)]).text


def is_like(edit: Edit) -> bool:
    """Whether an edit's new words are like the old ones, or are small words as these.

    It may take away a doubled word, but no capital alone, which headings and names have for a
    reason. It leaves numbers, markup, colons and quotation marks as they are.
    """
    marks, new_marks = (Counter(_UNTOUCHED.findall(text)) for text in _sides(edit))
    if marks != new_marks:
        return False
    if _lowers_a_capital(*(_WORD.findall(text) for text in _sides(edit))):
        return False
    old, new = (_without_doubles(_WORD.findall(text.lower())) for text in _sides(edit))
    changes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return all(
        tag == "equal" or _alike(old[start:end], new[new_start:new_end])
        for tag, start, end, new_start, new_end in changes
    )


def _sides(edit: Edit) -> tuple[str, str]:
    """The passage and what replaces it."""
    return edit.find, edit.replacement


def _lowers_a_capital(old: list[str], new: list[str]) -> bool:
    """Whether the words stay as they are, except that a capital is gone."""
    same = [word.lower() for word in old] == [word.lower() for word in new]
    return same and any(
        before != after and after.islower() for before, after in zip(old, new, strict=True)
    )


def _without_doubles(words: list[str]) -> list[str]:
    return [word for word, _ in groupby(words)]


def _alike(old: list[str], new: list[str]) -> bool:
    if _SMALL.issuperset(old + new):
        return True
    ratio = SequenceMatcher(None, "".join(old), "".join(new), autojunk=False).ratio()
    return ratio >= LIKENESS
