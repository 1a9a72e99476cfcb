"""The order of the records: those that a device processes at once have about the same length."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_POOL = 16
"""Micro-batches that are sorted together: more pad less, and mix the records less."""


@dataclass
class LengthGrouped:
    """A sampler that shuffles the records, and puts those of about the same length side by side.

    A micro-batch is padded to its longest record, and padding costs as much time as text.

    Attributes:
        lengths: Length of each record, in tokens.
        size: Records in a micro-batch.
        seed: Decides the order, together with the epoch.
        epoch: The epoch that comes next.
    """

    lengths: Sequence[int]
    size: int
    seed: int
    epoch: int = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch. Its order does not depend on the epochs before, so a run can resume."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = random.Random(f"{self.seed} {self.epoch}")
        records = list(range(len(self.lengths)))
        generator.shuffle(records)
        incomplete = records[len(records) - len(records) % self.size :]
        complete = records[: len(records) - len(incomplete)]
        batches = []
        pool = _POOL * self.size
        for start in range(0, len(complete), pool):
            alike = sorted(complete[start : start + pool], key=self.lengths.__getitem__)
            batches += [alike[at : at + self.size] for at in range(0, len(alike), self.size)]
        generator.shuffle(batches)
        for batch in batches:
            yield from batch
        yield from incomplete
