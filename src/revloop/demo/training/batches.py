"""Batch examples: of similar length, padded, and of about equal size."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from random import Random

    from transformers import PreTrainedTokenizerFast

    from revloop.demo.training.tasks import TaskExample

POOL = 768
VERDICTS = (" right", " fault", "once", "twice", "missing")


@dataclass(frozen=True)
class Encoded:
    """An example as token ids, with loss weights."""

    ids: list[int]
    weights: list[float]


@dataclass(frozen=True)
class TrainingBatch:
    """Token ids and loss weights (rows, length), and the number of tokens without padding."""

    ids: torch.Tensor
    weights: torch.Tensor
    tokens: int


class TaskEncoder:
    """Encodes examples as token ids with loss weights.

    Args:
        tokenizer: The critic's.
        verdict_weight: Extra weight factor of the tokens that say whether something is right.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, verdict_weight: float = 1.0) -> None:
        self.tokenizer = tokenizer
        self.verdict_weight = verdict_weight
        vocabulary = tokenizer.get_vocab()
        self.verdicts = {
            vocabulary[word.replace(" ", "Ġ")]
            for word in VERDICTS
            if word.replace(" ", "Ġ") in vocabulary
        }

    def __call__(self, example: TaskExample) -> Encoded:
        """Encode an example, part by part."""
        ids: list[int] = []
        weights: list[float] = []
        for text, weight in example.parts:
            part = self.tokenizer(text)["input_ids"]
            ids += part
            weights += [
                weight * (self.verdict_weight if token in self.verdicts else 1.0) for token in part
            ]
        return Encoded(ids, weights)


def batches(examples: Iterable[Encoded], rng: Random, tokens: int) -> Iterator[TrainingBatch]:
    """Batches of about that many tokens, of examples of similar length, in random order."""
    source = iter(examples)
    while pool := list(islice(source, POOL)):
        pool.sort(key=lambda encoded: len(encoded.ids))
        made = list(_cut(pool, tokens))
        rng.shuffle(made)
        yield from made


def _cut(pool: list[Encoded], tokens: int) -> Iterator[TrainingBatch]:
    rows: list[Encoded] = []
    for encoded in pool:
        if rows and len(encoded.ids) * (len(rows) + 1) > tokens:
            yield _pad(rows)
            rows = []
        rows.append(encoded)
    if rows:
        yield _pad(rows)


def _pad(rows: list[Encoded]) -> TrainingBatch:
    length = -(-max(len(row.ids) for row in rows) // 8) * 8
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    weights = torch.zeros(len(rows), length)
    for i, row in enumerate(rows):
        ids[i, : len(row.ids)] = torch.tensor(row.ids)
        weights[i, : len(row.ids)] = torch.tensor(row.weights)
    return TrainingBatch(ids, weights, sum(len(row.ids) for row in rows))
