"""What a revision changed, in words: the critique that a record needs, and JFLEG does not have."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, NamedTuple

from revloop.edits import matching_words

if TYPE_CHECKING:
    import random

NONE = "none"
_ARTICLES = {"a", "an", "the"}
_PREPOSITIONS = {"about", "at", "by", "for", "from", "in", "into", "of", "on", "to", "with"}
_VERB_ENDING = re.compile(r"(?:ing|ed|en|es|e)$")
_ALIKE = 0.6


class Change(NamedTuple):
    """Words that became others; one of them may be empty.

    Attributes:
        before: The words of the text.
        after: The words of its revision.
        left: The word of the text before the change, if any.
        right: The word after it.
    """

    before: str
    after: str
    left: str
    right: str

    @property
    def quoted(self) -> str:
        """The change with the words on both sides, where an insertion or deletion needs one."""
        before, after = self.before, self.after
        if not before or not after:
            one = (self.left, "") if self.left else ("", self.right)
            before, after = (" ".join(filter(None, (one[0], x, one[1]))) for x in (before, after))
        return f'"{before}" -> "{after}"'

    @property
    def kind(self) -> str:
        """What was wrong, by a rule of thumb."""
        old, new = self.before.lower(), self.after.lower()
        if old == new:
            return "capitals"
        if _letters(old) == _letters(new):
            return "spacing" if old.replace(" ", "") == new.replace(" ", "") else "punctuation"
        words = set(old.split()) ^ set(new.split())
        if words <= _ARTICLES:
            return "article" if words else "word order"
        if words <= _ARTICLES | _PREPOSITIONS:
            return "preposition"
        return _kind_of_words(old, new)


def _kind_of_words(old: str, new: str) -> str:
    if len(old.split()) != 1 or len(new.split()) != 1:
        return "wording"
    if old in {f"{new}s", f"{new}es"} or new in {f"{old}s", f"{old}es"}:
        return "number"
    if SequenceMatcher(None, old, new, autojunk=False).ratio() <= _ALIKE:
        return "word choice"
    is_form = _VERB_ENDING.sub("", old) == _VERB_ENDING.sub("", new)
    return "verb form" if is_form else "spelling"


def changes(before: str, after: str) -> list[Change]:
    """The stretches of words that differ, in order."""
    old, new = before.split(), after.split()
    found = []
    for one in _stretches(old, new):
        left, right = old[max(one.start - 1, 0) : one.start], old[one.stop : one.stop + 1]
        texts = (old[one.start : one.stop], new[one.new_start : one.new_stop], left, right)
        found.append(Change(*map(" ".join, texts)))
    return found


def partly_revised(before: str, after: str, generator: random.Random) -> str:
    """A text with half of its changes, taken at random; with one of one."""
    old, new = before.split(), after.split()
    stretches = _stretches(old, new)
    chosen = sorted(generator.sample(range(len(stretches)), (len(stretches) + 1) // 2))
    words, at = [], 0
    for one in (stretches[number] for number in chosen):
        words += [*old[at : one.start], *new[one.new_start : one.new_stop]]
        at = one.stop
    return " ".join([*words, *old[at:]])


class _Stretch(NamedTuple):
    """Positions of words that differ, in the text and in its revision."""

    start: int
    stop: int
    new_start: int
    new_stop: int


def _stretches(old: list[str], new: list[str]) -> list[_Stretch]:
    found, at, new_at = [], 0, 0
    for place, new_place in [*matching_words(old, new), (len(old), len(new))]:
        if (place, new_place) != (at, new_at):
            found.append(_Stretch(at, place, new_at, new_place))
        at, new_at = place + 1, new_place + 1
    return found


def kinds_critique(before: str, after: str) -> str:
    """The kinds of faults, in the order of the sentence, each once."""
    return ", ".join(dict.fromkeys(one.kind for one in changes(before, after))) or NONE


def walk_critique(before: str, after: str) -> str:
    """Each fault in the order of the sentence, with its correction."""
    return "\n".join(one.quoted for one in changes(before, after)) or NONE


def _letters(text: str) -> str:
    return re.sub(r"\W", "", text)
