"""Texts with mistakes, and critiques of them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Literal, NamedTuple

from benchmarks.proofreading.mistakes import Mistake, corrupted
from revloop.edits import edits_between

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_FILES = tuple(Path(__file__).with_name(name) for name in ("passages.txt", "lines.txt"))
"""Plain prose; and what answers have beside it: headings, list items, formulas and the like."""

SENTENCE_END = re.compile(r"(?<=[.!?]) (?=[A-Z])")
"""The blank between two sentences."""
_WORDS = re.compile(r"(?<= )[a-z]{3,}(?: [a-z]{3,})?(?= )")
_MARKS = ("**", "**", "*", "`", '"')

Part = Literal["training", "choosing", "measuring"]
_PARTS: tuple[Part, ...] = (
    *("training",) * 4,
    *("choosing", "measuring"),
    *("training",) * 5,
    "measuring",
)
"""What the passages are for, in their order, over and over."""

NONE = "none"
_GOOD = 0.45
_GOOD_LINES = 0.8
_WORDS_A_MISTAKE = (4, 12)
_ONE_SENTENCE = 0.4
_LONG = 0.15
_MARKED = 0.15
_COLON = 0.03
_NO_MARKS = frozenset('*`"#[')


class Example(NamedTuple):
    """A text, what it should be, and the mistakes in between; a good text has none."""

    text: str
    right: str
    mistakes: tuple[Mistake, ...]


@cache
def passages(part: Part) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The passages of prose and the other lines to train on, to choose by, or to measure on."""
    prose, lines = (
        tuple(
            text
            for at, text in enumerate(file.read_text(encoding="utf-8").splitlines())
            if _PARTS[at % len(_PARTS)] == part
        )
        for file in _FILES
    )
    return prose, lines


def examples(count: int, *, seed: int, part: Part) -> Iterator[Example]:
    """Different texts, the same for the same seed; two fifths are good.

    Args:
        count: Their number.
        seed: Random seed.
        part: Which passages they come from; no passage is in two parts.
    """
    random = Random(f"proofreading {seed} {part}")
    known = known_words()
    prose, lines = passages(part)
    drawn: list[str] = []
    seen: set[str] = set()
    while len(seen) < count:
        if not drawn:
            drawn = random.sample([*prose, *lines], len(prose) + len(lines))
        right = drawn.pop()
        good = _GOOD_LINES if right in lines else _GOOD
        right = right if right in lines else _part_of(right, prose, random)
        made = example_of(right, random, known, good=good, words_a_mistake=_WORDS_A_MISTAKE)
        if made.text not in seen:
            seen.add(made.text)
            yield made


def example_of(
    right: str,
    random: Random,
    known: frozenset[str],
    *,
    good: float,
    words_a_mistake: tuple[int, int],
) -> Example:
    """A text with marks and, if it is not to stay good, with mistakes.

    Args:
        right: What it should be.
        random: Decides.
        known: Words that no misspelling may become.
        good: Probability that it gets no mistakes.
        words_a_mistake: Fewest and most words for each mistake.
    """
    right = marked(right, random)
    number = 0
    if random.random() >= good:
        number = max(1, round(len(right.split()) / random.uniform(*words_a_mistake)))
    text, mistakes = corrupted(right, random, number, known)
    return Example(text, right, mistakes)


def _part_of(right: str, prose: Sequence[str], random: Random) -> str:
    """One sentence of a passage, the passage, or it and two more."""
    if random.random() < _ONE_SENTENCE:
        return random.choice(SENTENCE_END.split(right))
    if random.random() < _LONG:
        return " ".join((right, *random.sample(prose, 2)))
    return right


def marked(right: str, random: Random) -> str:
    """Some texts with words in marks, with a bold first sentence, or with a colon at the end."""
    if _NO_MARKS.isdisjoint(right) and random.random() < _MARKED:
        first, *rest = SENTENCE_END.split(right)
        words = list(_WORDS.finditer(right))
        if rest and random.random() < _ONE_SENTENCE:
            right = " ".join((f"**{first}**", *rest))
        elif words:
            (start, end), mark = random.choice(words).span(), random.choice(_MARKS)
            right = f"{right[:start]}{mark}{right[start:end]}{mark}{right[end:]}"
    if right.endswith(".") and random.random() < _COLON:
        right = f"{right[:-1]}:"
    return right


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
def known_words() -> frozenset[str]:
    """The words of all passages and lines, in small letters."""
    texts = " ".join(file.read_text(encoding="utf-8") for file in _FILES)
    return frozenset(re.findall(r"\w+", texts.lower()))
