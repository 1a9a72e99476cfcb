"""What changed between two texts, word by word."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_EXACT_UP_TO_WORDS = 5_000
_RELATED_RATIO = 0.4


class Change(NamedTuple):
    """A stretch of text that stayed, went or came."""

    kind: Literal["same", "removed", "added"]
    text: str


def word_diff(old: str, new: str) -> list[Change]:
    """The changes that make ``new`` of ``old``, in reading order, what went before what came.

    The "same" and "removed" texts together spell ``old``; "same" and "added" spell ``new``. It is
    made to be read, not to be short: a text that was written anew counts as one change, and so do
    neighbouring changes with nothing but white space between them. Texts of more than 5,000 words
    are compared with difflib's shortcut for frequent words.
    """
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    shortcut = max(len(before), len(after)) > _EXACT_UP_TO_WORDS
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=shortcut)
    if matcher.ratio() < _RELATED_RATIO:
        return list(_replaced(old, new))
    return list(_changes(matcher, before, after))


def _changes(
    matcher: difflib.SequenceMatcher[str], before: list[str], after: list[str]
) -> Iterator[Change]:
    went = came = ""
    for kind, start, stop, new_start, new_stop in matcher.get_opcodes():
        old, new = "".join(before[start:stop]), "".join(after[new_start:new_stop])
        if kind == "equal" and not (old.isspace() and (went or came)):
            yield from _replaced(went, came)
            went = came = ""
            yield Change("same", old)
        else:
            went, came = went + old, came + new
    yield from _replaced(went, came)


def _replaced(went: str, came: str) -> Iterator[Change]:
    """A change; white space that both sides end with stayed."""
    space = went[len(went.rstrip()) :]
    if not came.endswith(space):
        space = ""
    if went != space:
        yield Change("removed", went.removesuffix(space))
    if came != space:
        yield Change("added", came.removesuffix(space))
    if space:
        yield Change("same", space)
