"""Texts with mistakes, and records that teach a critic to find and correct them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.proofreading.mistakes import Mistake, corrupted
from revloop.edits import edits_between
from revloop.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PASSAGES = Path(__file__).with_name("passages.txt")
_SENTENCE_END = re.compile(r"(?<=[.!?]) (?=[A-Z])")
_HELD_OUT = 6
"""One passage in so many is never trained on."""

NONE = "none"
_GOOD = 0.35
_WORDS_A_MISTAKE = (4, 12)
_ONE_SENTENCE = 0.4


class Example(NamedTuple):
    """A text, what it should be, and the mistakes in between; a good text has none."""

    text: str
    right: str
    mistakes: tuple[Mistake, ...]


@cache
def passages(*, held_out: bool) -> tuple[str, ...]:
    """The passages to train on, or those to measure on."""
    every = _PASSAGES.read_text(encoding="utf-8").splitlines()
    return tuple(
        text for at, text in enumerate(every) if (at % _HELD_OUT == _HELD_OUT - 1) == held_out
    )


def examples(count: int, *, seed: int, held_out: bool) -> Iterator[Example]:
    """Different texts of one or two sentences, the same for the same seed; a third is good.

    Args:
        count: Their number.
        seed: Random seed.
        held_out: Whether they come from passages that no record comes from.
    """
    random = Random(f"proofreading {seed} {held_out}")
    known = _known_words()
    texts = passages(held_out=held_out)
    drawn: list[str] = []
    seen: set[str] = set()
    while len(seen) < count:
        if not drawn:
            drawn = random.sample(texts, len(texts))
        right = drawn.pop()
        if random.random() < _ONE_SENTENCE:
            right = random.choice(_SENTENCE_END.split(right))
        number = 0
        if random.random() >= _GOOD:
            number = max(1, round(len(right.split()) / random.uniform(*_WORDS_A_MISTAKE)))
        text, mistakes = corrupted(right, random, number, known)
        if text not in seen:
            seen.add(text)
            yield Example(text, right, mistakes)


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
        for number, example in enumerate(examples(count, seed=seed, held_out=False), start=1)
    ]


def walk(text: str, right: str) -> str:
    """A copy of the text in which each passage to change stands in brackets with its correction."""
    written, at = [], 0
    for edit in edits_between(text, right):
        start = text.index(edit.find, at)
        written += [text[at:start], f"[ {edit.find} -> {edit.replacement} ]"]
        at = start + len(edit.find)
    return "".join((*written, text[at:]))


def kinds(example: Example) -> str:
    """The kinds of the mistakes in their order, each once; none for a good text."""
    return ", ".join(dict.fromkeys(mistake.kind for mistake in example.mistakes)) or NONE


CRITIQUES: dict[str, Callable[[Example], str]] = {
    "walk": lambda example: walk(example.text, example.right),
    "kinds": kinds,
}
"""How critiques are written, by the prompt set."""


@cache
def _known_words() -> frozenset[str]:
    return frozenset(re.findall(r"\w+", _PASSAGES.read_text(encoding="utf-8").lower()))
