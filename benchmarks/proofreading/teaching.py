"""Records that teach a critic to find and correct mistakes: several in a text, and good texts.

The texts are our own passages and lines, and what SmolLM2 itself wrote (`writing.py`), which is
more like what a proofreader of answers gets to see.
"""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from benchmarks.proofreading.examples import (
    CRITIQUES,
    SENTENCE_END,
    Example,
    example_of,
    known_words,
    passages,
)
from revloop.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WRITTEN = Path(__file__).with_name("written.txt")
_SHARE_WRITTEN = 0.55
_SHARE_LINES = 0.25
_SHARE_SENTENCES = 0.2
_GOOD = 0.35
_GOOD_LINES = 0.65
_WORDS_A_MISTAKE = (5, 12)
_PASSAGES = (1, 2, 2, 3, 3)
_FEWEST_WORDS, _MOST_WORDS = 4, 95


def records(count: int, *, seed: int, form: str) -> list[Record]:
    """Feedback records for a prompt set in `prompts`.

    Args:
        count: Their number.
        seed: Random seed.
        form: The name of the set: `walk` or `kinds`.
    """
    critique = CRITIQUES[form]
    return [
        Record(
            id=f"proofreading-{number:04}",
            response=example.text,
            critique=critique(example),
            revision=example.right,
        )
        for number, example in enumerate(lessons(count, seed=seed), start=1)
    ]


def lessons(count: int, *, seed: int) -> Iterator[Example]:
    """Different texts to learn from, the same for the same seed; about two fifths are good."""
    written = _WRITTEN.read_text(encoding="utf-8").splitlines()
    known = known_words() | set(re.findall(r"\w+", " ".join(written).lower()))
    deal = _Deal(Random(f"proofreading records {seed}"), written)
    seen: set[str] = set()
    while len(seen) < count:
        right, good = deal.text()
        made = example_of(right, deal.random, known, good=good, words_a_mistake=_WORDS_A_MISTAKE)
        if made.text not in seen:
            seen.add(made.text)
            yield made


def stretches(line: str) -> Iterator[str]:
    """The sentences of a line, as many together as a record may have words."""
    stretch: list[str] = []
    words = 0
    for sentence in SENTENCE_END.split(line):
        if stretch and words + len(sentence.split()) > _MOST_WORDS:
            yield " ".join(stretch)
            stretch, words = [], 0
        stretch.append(sentence)
        words += len(sentence.split())
    yield " ".join(stretch)


class _Deal:
    """Deals good texts from stacks, each of which is shuffled anew when it is used up."""

    def __init__(self, random: Random, written: Sequence[str]) -> None:
        self.random = random
        prose, lines = passages("training")
        each = [stretch for line in written for stretch in stretches(line)]
        fitting = [one for one in each if _FEWEST_WORDS <= len(one.split()) <= _MOST_WORDS]
        self._all = {"written": fitting, "lines": lines, "prose": prose}
        self._left: dict[str, list[str]] = {}

    def text(self) -> tuple[str, float]:
        """A text, and how likely it should stay good."""
        drawn = self.random.random()
        rest = 1 - _SHARE_WRITTEN
        if drawn < _SHARE_WRITTEN:
            return self._next("written"), _GOOD
        if drawn < _SHARE_WRITTEN + rest * _SHARE_LINES:
            return self._next("lines"), _GOOD_LINES
        if drawn < _SHARE_WRITTEN + rest * (_SHARE_LINES + _SHARE_SENTENCES):
            return self.random.choice(SENTENCE_END.split(self._next("prose"))), _GOOD
        number = self.random.choice(_PASSAGES)
        return " ".join(self._next("prose") for _ in range(number)), _GOOD

    def _next(self, name: str) -> str:
        if not self._left.get(name):
            self._left[name] = self.random.sample(self._all[name], len(self._all[name]))
        return self._left[name].pop()
