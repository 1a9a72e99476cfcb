"""Records from JFLEG's dev set: a sentence, a critique made of a revision, and that revision.

A sentence has four revisions. The one that is closest to the other three comes first: people differ
much, and what most of them changed can be learnt from few records. For more records than sentences
there are several ways (:data:`MORE`). Smaller sets are parts of larger ones with the same seed.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from benchmarks.jfleg.faults import kinds_critique, partly_revised, walk_critique
from benchmarks.jfleg.gleu import sentence_gleu
from revloop.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.jfleg.sentences import Sentence

CRITIQUES: dict[str, Callable[[str, str], str]] = {"kinds": kinds_critique, "walk": walk_critique}
MORE = {
    "second": "the second closest revision",
    "good": "the closest revision, to be left alone",
    "partly": "a sentence with half of its faults corrected, as a second round finds it",
}
"""What records beyond the first one of each sentence are."""


def make_records(
    sentences: Sequence[Sentence], count: int, seed: int, critique: str, more: str = "second"
) -> list[Record]:
    """Records of some sentences.

    Args:
        sentences: The dev set.
        count: Number of records.
        seed: Decides which sentences come first.
        critique: A key of :data:`CRITIQUES`.
        more: A key of :data:`MORE`.
    """
    write = CRITIQUES[critique]
    found = []
    for number, rank in _order(sentences, seed)[:count]:
        response, revision = _texts(
            sentences[number], rank, more, random.Random(f"{seed} {number}")
        )
        found.append(
            Record(
                id=f"dev-{number}-{rank}",
                response=response,
                critique=write(response, revision),
                revision=revision,
            )
        )
    return found


def _texts(sentence: Sentence, rank: int, more: str, generator: random.Random) -> tuple[str, str]:
    """Response and revision of a record."""
    revisions = closest_first(sentence)
    if rank == 0 or more == "second":
        return sentence.source, revisions[rank]
    if more == "good":
        return revisions[0], revisions[0]
    return partly_revised(sentence.source, revisions[0], generator), revisions[0]


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
