"""How likely texts are under a language model, in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from revloop.engines.accelerator import on_accelerator
from revloop.engines.failures import not_loaded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_MOST_TEXTS = 16
_MOST_CHARACTERS = 10_000
"""In a batch: each token takes 200 kB, a number for each token of the vocabulary."""


class Likelihood:
    """Log-probabilities of texts. Not thread-safe.

    Create one with :meth:`load`.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model, self._tokenizer = model, tokenizer

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load a model folder.

        Raises:
            ModelConfigError: It is not a causal model.
            DoesNotFitError: The memory does not suffice.
        """
        import transformers  # slow and optional

        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            model = transformers.AutoModelForCausalLM.from_pretrained(
                folder, dtype="auto", use_safetensors=True
            )
            model = on_accelerator(model).eval()
        except (OSError, ValueError, KeyError, RuntimeError, MemoryError) as exc:
            raise not_loaded(exc, str(folder)) from exc
        return cls(model, tokenizer)

    @property
    def tokens(self) -> list[str]:
        """The tokenizer's tokens, as it writes them."""
        return list(self._tokenizer.get_vocab())

    def nats(self, texts: Sequence[str]) -> list[float]:
        """The total log-probability of each text after a line break."""
        found = dict.fromkeys(texts, 0.0)
        by_length = sorted(found, key=len)
        for batch in batches(by_length):
            found |= dict(zip(batch, self._totals(batch), strict=True))
        return [found[text] for text in texts]

    def _totals(self, texts: Sequence[str]) -> list[float]:
        import torch  # slow and optional

        ids = [self._tokenizer("\n" + text).input_ids for text in texts]
        longest = max(map(len, ids))
        device = self._model.device
        padded = torch.tensor([[*each, *[0] * (longest - len(each))] for each in ids])
        mask = torch.tensor([[1] * len(each) + [0] * (longest - len(each)) for each in ids])
        padded, mask = padded.to(device), mask.to(device)
        with torch.inference_mode():
            logits = self._model(input_ids=padded, attention_mask=mask).logits[:, :-1].float()
        following = padded[:, 1:].unsqueeze(-1)
        each_token = logits.log_softmax(-1).gather(-1, following).squeeze(-1)
        totals: list[float] = (each_token * mask[:, 1:]).sum(-1).tolist()
        return totals


def batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts, the shortest first, divided so that each batch fits into the memory."""
    batch: list[str] = []
    for text in texts:
        is_full = len(batch) == _MOST_TEXTS or (len(batch) + 1) * len(text) > _MOST_CHARACTERS
        if batch and is_full:
            yield batch
            batch = []
        batch.append(text)
    if batch:
        yield batch
