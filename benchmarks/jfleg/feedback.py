"""Records from JFLEG's dev set: a sentence, a critique made of a revision, and that revision.

A sentence has four revisions. The one that is closest to the other three comes first: people differ
much, and what most of them changed can be learnt from few records. More records than sentences take
the second closest, and so on. Smaller sets are parts of larger ones with the same seed.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from benchmarks.jfleg.faults import kinds_critique, walk_critique
from benchmarks.jfleg.gleu import sentence_gleu
from revloop.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.jfleg.sentences import Sentence

CRITIQUES: dict[str, Callable[[str, str], str]] = {"kinds": kinds_critique, "walk": walk_critique}


def make_records(
    sentences: Sequence[Sentence], count: int, seed: int, critique: str
) -> list[Record]:
    """Records of some sentences.

    Args:
        sentences: The dev set.
        count: Number of records.
        seed: Decides which sentences come first.
        critique: A key of :data:`CRITIQUES`.
    """
    write = CRITIQUES[critique]
    found = []
    for number, rank in _order(sentences, seed)[:count]:
        source, revision = sentences[number].source, closest_first(sentences[number])[rank]
        found.append(
            Record(
                id=f"dev-{number}-{rank}",
                response=source,
                critique=write(source, revision),
                revision=revision,
            )
        )
    return found


def closest_first(sentence: Sentence) -> list[str]:
    """The different revisions of a sentence, the one that is most like all four first."""
    likeness = {one: sentence_gleu(sentence, one) for one in dict.fromkeys(sentence.references)}
    return sorted(likeness, key=lambda one: -likeness[one])


def _order(sentences: Sequence[Sentence], seed: int) -> list[tuple[int, int]]:
    """Sentence and rank of the revision of each record: all sentences come before second ranks."""
    generator = random.Random(seed)
    ranks = max(len(set(one.references)) for one in sentences)
    order = []
    for rank in range(ranks):
        numbers = [n for n, one in enumerate(sentences) if len(set(one.references)) > rank]
        generator.shuffle(numbers)
        order += [(number, rank) for number in numbers]
    return order
