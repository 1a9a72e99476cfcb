"""Pairs of a text and its revision: real answers with random edits, and real revisions."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.edits.random_edits import edited, words_of
from revloop.demo.records import demo_records
from revloop.edits import matching_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from revloop import Draft

SHARES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.6)
"""Shares of the words of real answers to edit."""

JFLEG_REVISIONS = 4
"""People who revised each sentence."""


class Pair(NamedTuple):
    """A text before and after a revision, and the prompt that it answers, if known."""

    before: str
    after: str
    prompt: str | None = None

    @property
    def share(self) -> float:
        """Words replaced, deleted or inserted, over the words before.

        A stretch of words that became another counts as the longer of the two.
        """
        old, new = self.before.split(), self.after.split()
        changed = at = new_at = 0
        for place, new_place in [*matching_words(old, new), (len(old), len(new))]:
            changed += max(place - at, new_place - new_at)
            at, new_at = place + 1, new_place + 1
        return changed / max(len(old), 1)


def edited_answers(answers: Sequence[Draft], share: float, seed: int = 0) -> list[Pair]:
    """Answers with a share of their words edited (see :mod:`benchmarks.edits.random_edits`)."""
    vocabulary = [word for draft in answers for word in words_of(draft.response)]
    pairs = []
    for draft in answers:
        random_ = random.Random(f"{seed} {share} {draft.id}")
        revision = edited(draft.response, share, vocabulary, random_)
        pairs.append(Pair(draft.response, revision, draft.prompt_text))
    return [pair for pair in pairs if pair.after]


def other_answers(first: Sequence[Draft], second: Sequence[Draft]) -> list[Pair]:
    """Another model's answer to the same question: almost nothing stays."""
    return [
        Pair(one.response, other.response, one.prompt_text)
        for one, other in zip(first, second, strict=True)
    ]


def jfleg_pairs(folder: Path, sentences: int = 1) -> list[Pair]:
    """Texts by learners of English, each with the corrections of four people.

    Args:
        folder: Has ``dev`` and ``test`` with the endings ``.src`` and ``.ref0`` to ``.ref3``.
        sentences: Sentences to join for a text; a last, shorter one is left out.
    """
    pairs = []
    for name in ("dev", "test"):
        sources = _lines(folder / f"{name}.src")
        for person in range(JFLEG_REVISIONS):
            revised = _lines(folder / f"{name}.ref{person}")
            both = zip(_joined(sources, sentences), _joined(revised, sentences), strict=True)
            pairs += [Pair(*texts) for texts in both if all(texts)]
    return pairs


def record_pairs(count: int) -> list[Pair]:
    """The demo's feedback records."""
    return [Pair(one.response, one.revision or "") for one in demo_records(count)]


def _lines(path: Path) -> list[str]:
    return [
        line.strip() for line in path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    ]


def _joined(lines: Sequence[str], number: int) -> Iterator[str]:
    for first in range(0, len(lines) - number + 1, number):
        yield "\n".join(lines[first : first + number])
