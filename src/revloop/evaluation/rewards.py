"""A reward model as judge: a transformers sequence classifier that gives each text one number."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any, Self

import anyio.to_thread

from revloop.errors import JudgeError, ModelConfigError, failure_line, needs
from revloop.models.memory import ran_out_of_memory
from revloop.trajectory import JudgeInfo, Verdict
from revloop.values import digest_of

_HASHED_BYTES = 2**20


class RewardJudge:
    """Prefers the text with the higher reward. Make one with :meth:`load`.

    A reward depends on one text only, so the order of the two cannot matter. Rewards are cached,
    so asking in the second order costs nothing.
    """

    def __init__(self, model: Any, tokenizer: Any, *, name: str, digest: str) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self.info = JudgeInfo(kind="reward", name=name, digest=digest)
        self._in_use = threading.Lock()
        self._cached: dict[tuple[str, str], float] = {}

    @classmethod
    def load(cls, model: str, *, name: str | None = None) -> Self:
        """Load a reward model.

        Args:
            model: A model folder or hub id of a sequence classifier with one output.
            name: Its name in the record; None: as ``model``.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            ModelConfigError: There is no such model, or it has more than one output.
        """
        with needs("A reward model needs torch and transformers: pip install 'revloop[local]'."):
            import torch  # noqa: F401 - heavy and optional; transformers half works without
            import transformers
        transformers.utils.logging.disable_progress_bar()
        kind = transformers.AutoModelForSequenceClassification
        try:
            loaded = kind.from_pretrained(model, trust_remote_code=False)
            tokenizer = transformers.AutoTokenizer.from_pretrained(model, trust_remote_code=False)
        except (OSError, ValueError, KeyError, AttributeError) as exc:
            raise ModelConfigError(f"{model} is no reward model: {failure_line(exc)}") from exc
        if loaded.config.num_labels != 1:
            raise ModelConfigError(
                f"{model} has {loaded.config.num_labels} outputs; a reward model has one."
            )
        loaded.eval()
        config = {k: v for k, v in loaded.config.to_dict().items() if k != "_name_or_path"}
        digest = digest_of("reward", name or model, config, _weights(Path(model)))
        return cls(loaded, tokenizer, name=name or model, digest=digest)

    async def judge(self, prompt: str, first: str, second: str) -> Verdict:
        """The text with the higher reward. See :class:`~revloop.trajectory.Judge`.

        If a text does not fit the model's context, the verdict is ``unparseable``.

        Raises:
            JudgeError: The model failed, or ran out of memory.
        """
        try:
            left = await anyio.to_thread.run_sync(self._reward, prompt, first)
            right = await anyio.to_thread.run_sync(self._reward, prompt, second)
        except (RuntimeError, MemoryError) as exc:
            why = "ran out of memory" if ran_out_of_memory(exc) else f"failed: {exc}"
            raise JudgeError(f"The reward model {self.info.name} {why}.") from exc
        if left is None or right is None:
            return Verdict(
                preference="unparseable", reason="A text does not fit the reward model's context."
            )
        raw = f"{left:.6g} {right:.6g}"
        if left == right:
            return Verdict(preference="tie", raw=raw)
        return Verdict(preference="first" if left > right else "second", raw=raw)

    async def aclose(self) -> None:
        """Do nothing: the memory goes with the judge."""

    def _reward(self, prompt: str, text: str) -> float | None:
        import torch  # heavy and optional

        with self._in_use, torch.inference_mode():
            key = (prompt, text)
            if key not in self._cached:
                batch = self._tokenizer(self._joined(prompt, text), return_tensors="pt")
                longest = getattr(self._model.config, "max_position_embeddings", None)
                if longest is not None and batch["input_ids"].shape[-1] > longest:
                    return None
                reward = float(self._model(**batch.to(self._model.device)).logits[0, 0])
                while len(self._cached) > 64:  # the versions of one record
                    self._cached.pop(next(iter(self._cached)))
                self._cached[key] = reward
            return self._cached[key]

    def _joined(self, prompt: str, text: str) -> str:
        """Prompt and text in the model's chat template, or separated by an empty line."""
        if self._tokenizer.chat_template is None:
            return f"{prompt}\n\n{text}" if prompt else text
        turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": text}]
        joined: str = self._tokenizer.apply_chat_template(turns, tokenize=False)
        return joined


def _weights(folder: Path) -> list[list[object]]:
    """A cheap fingerprint of the weight files: name, size, and digest of the first bytes."""
    found: list[list[object]] = []
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            start = hashlib.sha256(file.read(_HASHED_BYTES)).hexdigest()
        found.append([path.name, path.stat().st_size, start])
    return found
