"""Batched generation with transformers, each row with its own settings and random numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from revloop.engines.accelerator import on_accelerator
from revloop.engines.failures import not_loaded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from revloop.trajectory import Sampling

_STOP_WINDOW_TOKENS = 8  # beyond one token per byte of the stop text


@dataclass(frozen=True, slots=True)
class BatchedPrompt:
    """One row of a batch.

    Attributes:
        prompt_ids: Token ids to continue.
        limit_tokens: Most tokens to generate.
        stop: Texts that end the row.
        sampling: The row's sampling, with its own seed.
    """

    prompt_ids: list[int]
    limit_tokens: int
    stop: tuple[str, ...]
    sampling: Sampling


class BatchGenerator:
    """A causal model that continues several prompts at once. Not thread-safe."""

    def __init__(self, model: Any, spell: Callable[[list[int]], str], *, version: str) -> None:
        self.version = version
        self.context_tokens: int = model.config.get_text_config().max_position_embeddings
        self._model = model
        self._spell = spell
        ends = model.generation_config.eos_token_id
        self._end_ids = frozenset(ends if isinstance(ends, list) else [ends])
        # its other settings (penalties, forced or forbidden tokens) would change the text
        model.generation_config = type(model.generation_config)(eos_token_id=ends)

    @classmethod
    def load(cls, model: str, spell: Callable[[list[int]], str]) -> BatchGenerator:
        """Load a model from safetensors, without running any code of the model's.

        Args:
            model: The folder or hub id.
            spell: Turns generated token ids into text, to find stop texts.

        Raises:
            ModelConfigError: There is no such model, or it is not a causal model.
            DoesNotFitError: The memory does not suffice.
        """
        import transformers  # slow and optional

        transformers.utils.logging.disable_progress_bar()
        try:
            loaded = transformers.AutoModelForCausalLM.from_pretrained(
                model, dtype="auto", use_safetensors=True, trust_remote_code=False
            )
            loaded = on_accelerator(loaded)
        except (OSError, ValueError, KeyError, RuntimeError, MemoryError) as exc:
            raise not_loaded(exc, model) from exc
        return cls(loaded, spell, version=transformers.__version__)

    def generate(self, rows: Sequence[BatchedPrompt]) -> list[list[int]]:
        """Continue every row.

        Returns:
            The generated ids of each row up to its end, including an end token.
        """
        import torch  # slow and optional

        width = max(len(row.prompt_ids) for row in rows)
        pads = [width - len(row.prompt_ids) for row in rows]
        ids = [[0] * pad + row.prompt_ids for pad, row in zip(pads, rows, strict=True)]
        mask = [[0] * pad + [1] * (width - pad) for pad in pads]
        device = self._model.device
        ends = _RowEnds(rows, width, self._spell)
        output = self._model.generate(
            input_ids=torch.tensor(ids, device=device),
            attention_mask=torch.tensor(mask, device=device),
            max_new_tokens=max(row.limit_tokens for row in rows),
            do_sample=False,  # _RowSampler samples in the logits
            logits_processor=[_RowSampler(rows, width)],
            stopping_criteria=[ends],
            pad_token_id=min(self._end_ids),
        )
        return [
            self._row(generated[width:].tolist(), ends.lengths[index])
            for index, generated in enumerate(output)
        ]

    def _row(self, ids: list[int], length: int | None) -> list[int]:
        """A row without the padding after its end."""
        ids = ids[:length]
        for index, token in enumerate(ids):
            if token in self._end_ids:
                return ids[: index + 1]
        return ids


class _RowEnds:
    """Ends each row at its own limit or stop text (a stopping criterion of transformers)."""

    def __init__(
        self, rows: Sequence[BatchedPrompt], prompt_tokens: int, spell: Callable[[list[int]], str]
    ) -> None:
        self.lengths: list[int | None] = [None] * len(rows)
        self._rows = rows
        self._prompt_tokens = prompt_tokens
        self._spell = spell

    def __call__(self, input_ids: Any, scores: Any, **_: object) -> Any:  # noqa: ARG002
        import torch  # slow and optional

        length = input_ids.shape[1] - self._prompt_tokens
        for index, row in enumerate(self._rows):
            if self.lengths[index] is None and self._has_ended(row, input_ids[index], length):
                self.lengths[index] = length
        ended = [length is not None for length in self.lengths]
        return torch.tensor(ended, device=input_ids.device)

    def _has_ended(self, row: BatchedPrompt, ids: Any, length: int) -> bool:
        if length >= row.limit_tokens:
            return True
        if not row.stop:
            return False
        longest = max(len(stop.encode()) for stop in row.stop) + _STOP_WINDOW_TOKENS
        tail = self._spell(ids[-min(length, longest) :].tolist())
        return any(stop in tail for stop in row.stop)


class _RowSampler:
    """Samples each row with its own random numbers (a logits processor of transformers).

    Taking the largest logit after adding Gumbel noise is the same as sampling from the softmax
    (Maddison et al. 2014, arXiv 1411.0030, section 2), so rows need no shared generator.
    """

    def __init__(self, rows: Sequence[BatchedPrompt], prompt_tokens: int) -> None:
        import torch  # slow and optional

        self._rows = rows
        self._prompt_tokens = prompt_tokens
        self._randoms = [torch.Generator().manual_seed(row.sampling.seed) for row in rows]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        sampled = scores.float().clone()
        for index, row in enumerate(self._rows):
            text = input_ids[index, self._prompt_tokens - len(row.prompt_ids) :]
            logits = _penalised(sampled[index], row.sampling, text, len(row.prompt_ids))
            if row.sampling.temperature > 0:
                logits = self._noisy(logits / row.sampling.temperature, index)
            sampled[index] = logits
        return sampled

    def _noisy(self, logits: Any, index: int) -> Any:
        import torch  # slow and optional

        logits = _likeliest(logits, self._rows[index].sampling)
        ordered, order = logits.sort(descending=True)
        probabilities = ordered.softmax(-1)
        outside = probabilities.cumsum(-1) - probabilities >= self._rows[index].sampling.top_p
        logits = logits.masked_fill(outside.scatter(0, order, outside), -torch.inf)
        uniform = torch.rand(logits.shape, generator=self._randoms[index]).to(logits.device)
        return logits - torch.log(-torch.log(uniform.clamp_min(torch.finfo(uniform.dtype).tiny)))


def _penalised(logits: Any, sampling: Sampling, text: Any, prompt_tokens: int) -> Any:
    """The logits with the penalties of tokens that the text contains.

    The repetition penalty also counts the prompt, as in CTRL (Keskar et al. 2019, arXiv 1909.05858,
    section 4.1) and in vLLM; the other two count what was generated, as OpenAI's do.
    """
    import torch  # slow and optional

    if sampling.repetition_penalty != 1:
        seen = text.unique()
        found, penalty = logits[seen], sampling.repetition_penalty
        logits = logits.scatter(0, seen, torch.where(found > 0, found / penalty, found * penalty))
    if sampling.presence_penalty or sampling.frequency_penalty:
        counts = text[prompt_tokens:].bincount(minlength=len(logits))
        logits = logits - sampling.frequency_penalty * counts
        logits = logits - sampling.presence_penalty * (counts > 0)
    return logits


def _likeliest(logits: Any, sampling: Sampling) -> Any:
    """The logits of the tokens that ``top_k`` and ``min_p`` leave; minus infinity elsewhere."""
    import torch  # slow and optional

    if sampling.min_p > 0:
        shares = (logits - logits.max()).exp()
        logits = logits.masked_fill(shares < sampling.min_p, -torch.inf)
    if 0 < sampling.top_k < len(logits):
        least = logits.topk(sampling.top_k).values[-1]
        logits = logits.masked_fill(logits < least, -torch.inf)
    return logits
