"""Word diff of two texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from revloop.edits.applying import replacements
from revloop.edits.words import matching_words, split_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from revloop.edits.edit import EditResult

    Pair = tuple[int, int]

_RELATED_RATIO = 0.4
_REWRITTEN_SHARE = 0.5
_ALWAYS_MARKED = 200
"""Characters in both texts up to which marks stay readable."""


class Change(NamedTuple):
    """A stretch of text that is the same, removed or added."""

    kind: Literal["same", "removed", "added"]
    text: str


def changes_between(
    old: str, new: str, edits: Sequence[EditResult] | None = None
) -> list[Change] | None:
    """The changes to mark in a new version, in reading order, removals before additions.

    Those of a version that was written as edits are its edits, exactly as they were written.

    Args:
        old: The text before.
        new: The text after.
        edits: The edits that made it; None if the whole text was written.

    Returns:
        None if most of the text changed, and marks would hide it.
    """
    if edits:
        changes = list(_edited(old, edits))
        # a version whose edits only touched the white space at its ends keeps its text
        if "".join(change.text for change in changes if change.kind != "removed") == new:
            return changes
    changes = word_diff(old, new)
    return None if is_rewritten(changes) else changes


def word_diff(old: str, new: str) -> list[Change]:
    """The changes from ``old`` to ``new`` in reading order, removals before additions.

    "same" and "removed" texts together spell ``old``; "same" and "added" spell ``new``. The result
    is meant to be read, not to be minimal: a rewritten text is one change, and so are neighbouring
    changes with only white space between them. The work is bounded: in texts that repeat words too
    often, only the rare words are matched.
    """
    before, after = split_words(old), split_words(new)
    pairs = matching_words(before, after)
    if 2 * len(pairs) < _RELATED_RATIO * (len(before) + len(after)):
        return list(_replaced(old, new))
    return list(_changes(pairs, before, after))


def is_rewritten(changes: Iterable[Change]) -> bool:
    """Whether marks would hide the text: over half of the characters of both texts changed.

    Short texts are always marked.
    """
    changed = same = 0
    for change in changes:
        if change.kind == "same":
            same += 2 * len(change.text)
        else:
            changed += len(change.text)
    both = changed + same
    return both > _ALWAYS_MARKED and changed > _REWRITTEN_SHARE * both


def _edited(old: str, edits: Sequence[EditResult]) -> Iterator[Change]:
    """The passages that edits replaced, with their replacements, and what is between them."""
    done = 0
    for start, end, text in replacements(old, edits):
        if old[start:end] == text:
            continue
        yield from _without_empty(
            Change("same", old[done:start]),
            Change("removed", old[start:end]),
            Change("added", text),
        )
        done = end
    yield from _without_empty(Change("same", old[done:]))


def _without_empty(*changes: Change) -> Iterator[Change]:
    return (change for change in changes if change.text)


def _opcodes(
    pairs: Sequence[Pair], before: Sequence[str], after: Sequence[str]
) -> Iterator[tuple[bool, str, str]]:
    """Stretches of both texts in turn, and whether they are the same."""
    at = new_at = start = 0
    for place, new_place in [*pairs, (len(before), len(after))]:
        if (place, new_place) != (at, new_at):
            same = "".join(before[start:at])
            yield True, same, same
            yield False, "".join(before[at:place]), "".join(after[new_at:new_place])
            start = place
        at, new_at = place + 1, new_place + 1
    same = "".join(before[start:])
    yield True, same, same


def _changes(
    pairs: Sequence[Pair], before: Sequence[str], after: Sequence[str]
) -> Iterator[Change]:
    removed = added = ""
    for is_same, old, new in _opcodes(pairs, before, after):
        if is_same and old and not (old.isspace() and (removed or added)):
            yield from _replaced(removed, added)
            removed = added = ""
            yield Change("same", old)
        else:
            removed, added = removed + old, added + new
    yield from _replaced(removed, added)


def _replaced(removed: str, added: str) -> Iterator[Change]:
    """A change, without the white space that both sides end with."""
    space = removed[len(removed.rstrip()) :]
    if not added.endswith(space):
        space = ""
    if removed != space:
        yield Change("removed", removed.removesuffix(space))
    if added != space:
        yield Change("added", added.removesuffix(space))
    if space:
        yield Change("same", space)
