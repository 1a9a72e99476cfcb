"""How much more likely each edit makes its text, under the model before its training.

A model that learnt to correct finds faults everywhere; the same model before that knows how people
write (D. Alikaniotis, V. Raheja, arXiv 1906.01733). An edit is looked at by itself.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.proofreading.likeness import is_like
from revloop.edits import Edit, apply, edits_between

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_BATCH = 16


class Gain(NamedTuple):
    """An edit of like words, and by how much the text's total log-probability rises with it."""

    edit: Edit
    nats: float


def only_likely(text: str, gains: Iterable[Gain], margin: float) -> str:
    """A text after those edits alone that make it more likely by at least ``margin`` nats."""
    return apply(text, [edit for edit, nats in gains if nats >= margin]).text


def like_edits(before: str, after: str) -> list[Edit]:
    """The edits that likeness lets through."""
    return [edit for edit in edits_between(before, after) if is_like(edit)]


class Likelihood:
    """Log-probabilities of texts under a model.

    Args:
        base: The model's folder.
        store: Keeps what was computed.
    """

    def __init__(self, base: Path, store: Path) -> None:
        self._base, self._store = base, store
        self._known: dict[str, float] = json.loads(store.read_bytes()) if store.exists() else {}

    def gains(self, pairs: Iterable[tuple[str, str]]) -> list[list[Gain]]:
        """The edits of like words of texts before and after, with what each brings."""
        found = [(before, like_edits(before, after)) for before, after in pairs]
        alone = [[apply(before, [edit]).text for edit in edits] for before, edits in found]
        self._look_up(
            text
            for (before, _), texts in zip(found, alone, strict=True)
            if texts
            for text in (before, *texts)
        )
        return [
            [
                Gain(edit, self._known[text] - self._known[before])
                for edit, text in zip(edits, texts, strict=True)
            ]
            for (before, edits), texts in zip(found, alone, strict=True)
        ]

    def _look_up(self, texts: Iterable[str]) -> None:
        missing = sorted({text for text in texts if text not in self._known}, key=len)
        if missing:
            self._known |= dict(zip(missing, _totals(missing, self._base), strict=True))
            self._store.write_text(json.dumps(self._known), encoding="utf-8")


def _totals(texts: Sequence[str], base: Path) -> Iterator[float]:
    """Total log-probability of each text after a line break."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16).eval()
    for at in range(0, len(texts), _BATCH):
        ids = [tokenizer("\n" + text).input_ids for text in texts[at : at + _BATCH]]
        longest = max(map(len, ids))
        padded = torch.tensor([[*each, *[0] * (longest - len(each))] for each in ids])
        mask = torch.tensor([[1] * len(each) + [0] * (longest - len(each)) for each in ids])
        with torch.inference_mode():
            logits = model(input_ids=padded, attention_mask=mask).logits[:, :-1].float()
        following = padded[:, 1:].unsqueeze(-1)
        each_token = logits.log_softmax(-1).gather(-1, following).squeeze(-1)
        yield from (each_token * mask[:, 1:]).sum(-1).tolist()
