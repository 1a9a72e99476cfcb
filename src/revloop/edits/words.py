"""The words of a text, and those that two texts share."""

from __future__ import annotations

import difflib
import re
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Pair = tuple[int, int]

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_MAX_WORK = 50_000_000


def split_words(text: str) -> list[str]:
    """Words, runs of white space and other characters one by one; together they are the text."""
    return _WORDS.findall(text)


def matching_words(before: Sequence[str], after: Sequence[str]) -> list[Pair]:
    """Positions of the same word in both texts, increasing in both.

    The work is bounded: in texts that repeat words too often, only the rare words are matched.
    """
    return _Matching(before, after).pairs()


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
