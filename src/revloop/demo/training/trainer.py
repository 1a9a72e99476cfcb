"""The training loop of the demo critic: weighted cross-entropy, checkpoints, a word on progress."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from revloop.demo.training.optimiser import MasterOptimiser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from transformers import FalconForCausalLM

    from revloop.demo.training.batches import TrainingBatch

logger = logging.getLogger("revloop.demo.training")

EVERY = 50
"""Steps between two lines of progress, and between two checkpoints."""


@dataclass(frozen=True)
class Stage:
    """The settings of one stage of training.

    Args:
        tokens: how many tokens to train on (padding not counted).
        batch_tokens: tokens a step.
        matrix_rate: Muon's learning rate for the matrices; 0 leaves them to AdamW.
        other_rate: AdamW's learning rate.
        verdict_weight: loss weight of the tokens that give a verdict.
        warmup: share of the stage in which the learning rate rises; it falls over the last `decay`.
        decay: share of the stage in which the learning rate falls to zero.

    """

    tokens: int
    batch_tokens: int = 4096
    matrix_rate: float = 0.015
    other_rate: float = 0.002
    verdict_weight: float = 1.0
    warmup: float = 0.01
    decay: float = 0.3

    def share(self, done: float) -> float:
        """The share of the learning rate when that share of the tokens is done."""
        rising = min(1.0, (done + 1e-3) / self.warmup) if self.warmup else 1.0
        falling = min(1.0, max(0.0, (1.0 - done) / self.decay))
        return min(rising, falling)


def loss_of(model: FalconForCausalLM, batch: TrainingBatch) -> torch.Tensor:
    """The weighted cross-entropy of the tokens that are learnt."""
    weights = batch.weights[:, 1:].flatten()
    learnt = weights.nonzero().squeeze(1)
    hidden = model.transformer(input_ids=batch.ids, use_cache=False).last_hidden_state
    chosen = hidden[:, :-1].flatten(0, 1)[learnt]
    logits = functional.linear(chosen, model.transformer.word_embeddings.weight).float()
    losses = functional.cross_entropy(logits, batch.ids[:, 1:].flatten()[learnt], reduction="none")
    return (losses * weights[learnt]).sum() / weights[learnt].sum()


@dataclass
class Trainer:
    """Trains a model on batches until a stage's tokens are spent.

    Args:
        model: a bf16 model; trained in place.
        stage: the settings.
        name: stands before each line of progress.
        checkpoint: file that keeps the state every `EVERY` steps; None keeps none.

    """

    model: FalconForCausalLM
    stage: Stage
    name: str
    checkpoint: Path | None = None
    done: int = 0

    def __post_init__(self) -> None:
        self.optimiser = MasterOptimiser(
            self.model, matrix_rate=self.stage.matrix_rate, other_rate=self.stage.other_rate
        )

    def resume(self, checkpoint: Path) -> None:
        """Goes on from a checkpoint; the data go on with a new draw."""
        state = torch.load(checkpoint, weights_only=True)
        self.optimiser.restore(state["optimiser"])
        self.done = state["tokens"]

    def run(self, source: Iterator[TrainingBatch]) -> None:
        """Trains.

        Raises:
            FloatingPointError: the loss is no longer a number.

        """
        self.model.train()
        started, begun, recent = time.monotonic(), self.done, list[float]()
        for step, batch in enumerate(source, 1):
            recent.append(self._step(batch))
            if not math.isfinite(recent[-1]):
                raise FloatingPointError(
                    f"{self.name}: the loss is {recent[-1]} at step {step}; lower the learning rate"
                )
            if step % EVERY == 0 or self.done >= self.stage.tokens:
                pace = (self.done - begun) / (time.monotonic() - started)
                loss = sum(recent) / len(recent)
                logger.info(
                    "%s: %d of %d tokens, loss %.4f, %.0f tokens/s",
                    *(self.name, self.done, self.stage.tokens, loss, pace),
                )
                recent = []
                self._keep()
            if self.done >= self.stage.tokens:
                return

    def _step(self, batch: TrainingBatch) -> float:
        loss = loss_of(self.model, batch)
        loss.backward()
        self.optimiser.step(self.stage.share(self.done / self.stage.tokens))
        self.done += batch.tokens
        return float(loss.item())

    def _keep(self) -> None:
        if self.checkpoint:
            part = self.checkpoint.with_suffix(".part")
            torch.save({"tokens": self.done, "optimiser": self.optimiser.state()}, part)
            part.replace(self.checkpoint)
