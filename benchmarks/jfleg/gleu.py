"""GLEU, the metric of JFLEG.

C. Napoles, K. Sakaguchi, M. Post, J. Tetreault: GLEU without tuning, arXiv 1605.02592. As BLEU, but
n-grams that a text shares with its source and not with its reference count against it. With several
references, the mean over draws of one for each sentence. The draws are those of the authors' script
under Python 2, so figures can be compared with the published ones: the unrevised test sentences
have 40.54, as in the authors' table.
"""

from __future__ import annotations

import random
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.jfleg.sentences import Sentence

ORDER = 4
DRAWS = 500
RESAMPLES = 2000
_TAIL_PERCENT = 2.5


class Gleu(NamedTuple):
    """GLEU of a corpus in percent, with its 95% interval (bootstrap over sentences)."""

    value: float
    low: float
    high: float


def corpus_gleu(sentences: Sequence[Sentence], texts: Sequence[str]) -> Gleu:
    """GLEU of one text for each sentence."""
    counts = np.array(
        [
            [_counts(one.source, reference, text) for reference in one.references]
            for one, text in zip(sentences, texts, strict=True)
        ]
    )
    number, people = counts.shape[:2]
    everyone = np.arange(number)
    value = np.mean([_gleu(counts[everyone, draw].sum(0)) for draw in _draws(number, people)])
    generator = np.random.default_rng(0)
    resampled = [
        _gleu(
            counts[
                generator.integers(number, size=number), generator.integers(people, size=number)
            ].sum(0)
        )
        for _ in range(RESAMPLES)
    ]
    low, high = np.percentile(resampled, [_TAIL_PERCENT, 100 - _TAIL_PERCENT])
    return Gleu(100 * float(value), 100 * float(low), 100 * float(high))


def sentence_gleu(sentence: Sentence, text: str) -> float:
    """Mean GLEU of a sentence against its references, from 0 to 1; a count of 0 becomes 1."""
    scores = []
    for reference in sentence.references:
        counts = np.array(_counts(sentence.source, reference, text))
        scores.append(_gleu(np.where(counts == 0, 1, counts)))
    return float(np.mean(scores))


@cache  # most texts stay the same from round to round
def _counts(source: str, reference: str, text: str) -> tuple[int, ...]:
    """Words of the text and of the reference; then for each order the credit, and all n-grams."""
    words, reference_words, source_words = text.split(), reference.split(), source.split()
    counts = [len(words), len(reference_words)]
    for order in range(1, ORDER + 1):
        found, wanted = _ngrams(words, order), _ngrams(reference_words, order)
        unwanted = _ngrams(source_words, order)
        right = sum(min(times, wanted[one]) for one, times in found.items())
        kept = sum(min(times, unwanted[one]) for one, times in found.items() if one not in wanted)
        counts += [max(right - kept, 0), max(len(words) + 1 - order, 0)]
    return tuple(counts)


def _ngrams(words: list[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[at : at + order]) for at in range(len(words) + 1 - order))


def _gleu(counts: np.ndarray) -> float:
    if not counts.all():
        return 0.0
    length, reference_length = counts[:2]
    precision = np.log(counts[2::2] / counts[3::2]).mean()
    return float(np.exp(min(0.0, 1 - reference_length / length) + precision))


def _draws(number: int, people: int) -> list[list[int]]:
    """The person whose reference counts, for each draw and sentence."""
    found = []
    for draw in range(DRAWS):
        generator = random.Random()
        generator.seed(draw * 101, version=1)
        found.append([int(generator.random() * people) for _ in range(number)])
    return found
