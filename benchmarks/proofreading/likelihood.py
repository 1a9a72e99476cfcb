"""How much more likely each change makes its text, under the model before its training.

A model that learnt to correct finds faults everywhere; the same model before that knows how people
write (D. Alikaniotis, V. Raheja, arXiv 1906.01733). A change is looked at by itself, as the model
`english` does.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from revloop.engines.english.changes import WordChange, changed, changes_between, is_small
from revloop.engines.english.likelihood import Likelihood

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Gain(NamedTuple):
    """A small change, and by how much the text's total log-probability rises with it."""

    change: WordChange
    nats: float


def only_likely(text: str, gains: Iterable[Gain], margin: float) -> str:
    """A text after those changes alone that make it more likely by at least ``margin`` nats."""
    return changed(text, [change for change, nats in gains if nats >= margin])


def small_changes(before: str, after: str) -> list[WordChange]:
    """The changes that only correct words, or swap small ones."""
    return [change for change in changes_between(before, after) if is_small(before, change)]


class KnownLikelihood:
    """Log-probabilities of texts under a model, kept in a file.

    Args:
        base: The model's folder.
        store: Keeps what was computed.
    """

    def __init__(self, base: Path, store: Path) -> None:
        self._base, self._store = base, store
        self._known: dict[str, float] = json.loads(store.read_bytes()) if store.exists() else {}

    def gains(self, pairs: Iterable[tuple[str, str]]) -> list[list[Gain]]:
        """The small changes of texts before and after, with what each brings."""
        found = [(before, small_changes(before, after)) for before, after in pairs]
        alone = [[changed(before, [change]) for change in changes] for before, changes in found]
        self._look_up(
            text
            for (before, _), texts in zip(found, alone, strict=True)
            if texts
            for text in (before, *texts)
        )
        return [
            [
                Gain(change, self._known[text] - self._known[before])
                for change, text in zip(changes, texts, strict=True)
            ]
            for (before, changes), texts in zip(found, alone, strict=True)
        ]

    def _look_up(self, texts: Iterable[str]) -> None:
        missing = list({text for text in texts if text not in self._known})
        if missing:
            nats = Likelihood.load(self._base).nats(missing)
            self._known |= dict(zip(missing, nats, strict=True))
            self._store.write_text(json.dumps(self._known), encoding="utf-8")
