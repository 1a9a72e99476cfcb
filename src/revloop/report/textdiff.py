"""Word diff of two texts."""

from __future__ import annotations

import difflib
import re
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Pair = tuple[int, int]

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_MAX_WORK = 50_000_000
_RELATED_RATIO = 0.4
_REWRITTEN_SHARE = 0.5
_ALWAYS_MARKED = 200
"""Characters in both texts up to which marks stay readable."""


class Change(NamedTuple):
    """A stretch of text that is the same, removed or added."""

    kind: Literal["same", "removed", "added"]
    text: str


def word_diff(old: str, new: str) -> list[Change]:
    """The changes from ``old`` to ``new`` in reading order, removals before additions.

    "same" and "removed" texts together spell ``old``; "same" and "added" spell ``new``. The result
    is meant to be read, not to be minimal: a rewritten text is one change, and so are neighbouring
    changes with only white space between them. The work is bounded: in texts that repeat words too
    often, only the rare words are matched.
    """
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    pairs = _Matching(before, after).pairs()
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


class _Matching:
    """The words that two texts share, in the same order.

    difflib takes cubic time on repeated words, minutes for a text of 5 kB. It gets a budget;
    stretches beyond it are split at words that occur once in each text (Bram Cohen's patience
    diff), and what remains counts as changed.
    """

    def __init__(self, before: Sequence[str], after: Sequence[str]) -> None:
        self._before = before
        self._after = after
        self._left = _MAX_WORK

    def pairs(self) -> list[Pair]:
        """Positions of the same word in both texts, increasing in both."""
        found: list[Pair] = []
        stretches = [(0, len(self._before), 0, len(self._after))]
        while stretches:
            low, high, new_low, new_high = self._without_ends(*stretches.pop(), found)
            before, after = self._before[low:high], self._after[new_low:new_high]
            work = _work(before, after)
            if work <= self._left:
                self._left -= work
                matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
                for start, new_start, size in matcher.get_matching_blocks():
                    found += [(low + start + n, new_low + new_start + n) for n in range(size)]
            elif anchors := _anchors(before, after):
                at, new_at = low, new_low
                for start, new_start in [*anchors, (high - low, new_high - new_low)]:
                    stretches.append((at, low + start, new_at, new_low + new_start))
                    at, new_at = low + start + 1, new_low + new_start + 1
                found += [(low + start, new_low + new_start) for start, new_start in anchors]
        return sorted(found)

    def _without_ends(
        self, low: int, high: int, new_low: int, new_high: int, found: list[Pair]
    ) -> tuple[int, int, int, int]:
        """Strip the words that a stretch begins and ends with in both texts."""
        before, after = self._before, self._after
        while low < high and new_low < new_high and before[low] == after[new_low]:
            found.append((low, new_low))
            low, new_low = low + 1, new_low + 1
        while low < high and new_low < new_high and before[high - 1] == after[new_high - 1]:
            high, new_high = high - 1, new_high - 1
            found.append((high, new_high))
        return low, high, new_low, new_high


def _work(before: Sequence[str], after: Sequence[str]) -> int:
    """Upper bound of difflib's steps: pairs of the same word, times the words."""
    counts, new_counts = Counter(before), Counter(after)
    pairs = sum(count * new_counts[word] for word, count in counts.items())
    return pairs * min(len(before), len(after))


def _anchors(before: Sequence[str], after: Sequence[str]) -> list[Pair]:
    """The longest increasing run of words that occur once in each text."""
    counts, new_counts = Counter(before), Counter(after)
    new_places = {word: place for place, word in enumerate(after) if new_counts[word] == 1}
    ends: list[int] = []  # the lowest end of a run, by its length
    lasts: list[Pair] = []
    earlier: dict[Pair, Pair | None] = {}
    for place, word in enumerate(before):
        if counts[word] == 1 and word in new_places:
            pair = (place, new_places[word])
            length = bisect_left(ends, pair[1])
            earlier[pair] = lasts[length - 1] if length else None
            ends[length : length + 1] = [pair[1]]
            lasts[length : length + 1] = [pair]
    run: list[Pair] = []
    last = lasts[-1] if lasts else None
    while last is not None:
        run.append(last)
        last = earlier[last]
    return run[::-1]


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
