"""A reward model in this process: a transformers sequence classifier with one output."""

from __future__ import annotations

import hashlib
import math
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import anyio.to_thread

from revloop.engines.accelerator import on_accelerator
from revloop.engines.failures import not_loaded
from revloop.engines.rewards.endpoints import plain, turns
from revloop.errors import ContextFullError, JudgeError, ModelConfigError, failure_line, needs
from revloop.models.memory import ran_out_of_memory
from revloop.values import digest_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.engines.rewards.batching import Answered, Outcome

_HASHED_BYTES = 2**20
_MOST_TEXTS = 16


class LocalRewardModel:
    """A reward model in this process. Load one with :meth:`load`.

    Attributes:
        name: Its name in the record.
        digest: Of its name, configuration and weights.
        most_texts: Most texts in one forward pass.
        most_batches: One: the model has one memory.
        has_one_prompt: False: texts with different prompts are scored at once.
    """

    most_batches = 1
    has_one_prompt = False

    def __init__(self, model: Any, tokenizer: Any, *, name: str, digest: str) -> None:
        self.name = name
        self.digest = digest
        self._model = model
        self._tokenizer = tokenizer
        # without padding, the model takes the last token of each row, which would be padding
        self._pad_id: int | None = model.config.pad_token_id
        self.most_texts = _MOST_TEXTS if self._pad_id is not None else 1
        self._in_use = threading.Lock()

    @classmethod
    def load(cls, model: str, *, name: str | None = None) -> Self:
        """Load a reward model.

        Args:
            model: A model folder or hub id of a sequence classifier with one output.
            name: Its name in the record; None: as ``model``.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            ModelConfigError: There is no such model, or it has more than one output.
            DoesNotFitError: The memory does not suffice.
        """
        with needs("A reward model needs torch and transformers: pip install 'revloop[local]'."):
            import torch  # noqa: F401 - heavy and optional; transformers half works without
            import transformers
        transformers.utils.logging.disable_progress_bar()
        kind = transformers.AutoModelForSequenceClassification
        try:
            loaded = kind.from_pretrained(model, trust_remote_code=False)
            tokenizer = transformers.AutoTokenizer.from_pretrained(model, trust_remote_code=False)
            loaded = on_accelerator(loaded)
        except (OSError, ValueError, KeyError, AttributeError) as exc:
            raise ModelConfigError(f"{model} is no reward model: {failure_line(exc)}") from exc
        except (RuntimeError, MemoryError) as exc:
            raise not_loaded(exc, model) from exc
        if loaded.config.num_labels != 1:
            raise ModelConfigError(
                f"{model} has {loaded.config.num_labels} outputs; a reward model has one."
            )
        config = {k: v for k, v in loaded.config.to_dict().items() if k != "_name_or_path"}
        digest = digest_of("reward", name or model, config, _weights(Path(model)))
        return cls(loaded, tokenizer, name=name or model, digest=digest)

    async def score(self, texts: Sequence[Answered]) -> list[Outcome]:
        """The rewards of texts, in one forward pass if the memory suffices."""
        return await anyio.to_thread.run_sync(self._score, texts)

    async def aclose(self) -> None:
        """Do nothing: the memory goes with the model."""

    def _score(self, texts: Sequence[Answered]) -> list[Outcome]:
        with self._in_use:
            rows = [self._token_ids(answered) for answered in texts]
            outcomes: list[Outcome | None] = [self._too_long(row) for row in rows]
            fitting = [place for place, outcome in enumerate(outcomes) if outcome is None]
            rewards = iter(self._rewards([rows[place] for place in fitting]))
            return [next(rewards) if outcome is None else outcome for outcome in outcomes]

    def _token_ids(self, answered: Answered) -> list[int]:
        has_template = self._tokenizer.chat_template is not None
        joined = plain(answered)
        if has_template:
            joined = self._tokenizer.apply_chat_template(turns(answered), tokenize=False)
        # a template contains the special tokens
        ids: list[int] = self._tokenizer(joined, add_special_tokens=not has_template)["input_ids"]
        return ids

    def _too_long(self, row: list[int]) -> ContextFullError | None:
        longest = getattr(self._model.config, "max_position_embeddings", None)
        if longest is None or len(row) <= longest:
            return None
        return ContextFullError(
            f"The text does not fit the reward model's context: it takes {len(row)} tokens, the "
            f"limit is {longest}."
        )

    def _rewards(self, rows: list[list[int]]) -> list[Outcome]:
        if not rows:
            return []
        try:
            return [self._finite(reward) for reward in self._forward(rows)]
        except (RuntimeError, MemoryError) as exc:
            if len(rows) == 1:
                why = "ran out of memory" if ran_out_of_memory(exc) else f"failed: {exc}"
                error = JudgeError(f"The reward model {self.name} {why}.")
                error.__cause__ = exc
                return [error]
        half = len(rows) // 2
        return [*self._rewards(rows[:half]), *self._rewards(rows[half:])]

    def _forward(self, rows: list[list[int]]) -> list[float]:
        import torch  # heavy and optional

        longest, pad_id = max(map(len, rows)), self._pad_id or 0
        padded = [row + [pad_id] * (longest - len(row)) for row in rows]
        mask = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
        device = self._model.device
        with torch.inference_mode():
            logits = self._model(
                input_ids=torch.tensor(padded, device=device),
                attention_mask=torch.tensor(mask, device=device),
            ).logits
        rewards: list[float] = logits[:, 0].float().tolist()
        return rewards

    def _finite(self, reward: float) -> Outcome:
        if math.isfinite(reward):
            return reward
        return JudgeError(f"The reward model {self.name} gave a reward that is not finite.")


def _weights(folder: Path) -> list[list[object]]:
    """A cheap fingerprint of the weight files: name, size, and digest of the first bytes."""
    found: list[list[object]] = []
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            start = hashlib.sha256(file.read(_HASHED_BYTES)).hexdigest()
        found.append([path.name, path.stat().st_size, start])
    return found
