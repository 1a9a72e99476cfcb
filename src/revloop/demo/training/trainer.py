"""The training loop of the demo critic: weighted cross-entropy, checkpoints, progress."""

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
"""Steps between lines of progress and checkpoints."""


@dataclass(frozen=True)
class Stage:
    """The settings of one stage of training.

    Args:
        tokens: Tokens to train on, without padding.
        batch_tokens: Tokens a step.
        matrix_rate: Muon's learning rate for the matrices; 0 to use AdamW.
        other_rate: AdamW's learning rate.
        verdict_weight: Loss weight of the tokens that give a verdict.
        warmup: Share of the stage, at its start, in which the learning rate rises.
        decay: Share of the stage, at its end, in which the learning rate falls to zero.
    """

    tokens: int
    batch_tokens: int = 4096
    matrix_rate: float = 0.015
    other_rate: float = 0.002
    verdict_weight: float = 1.0
    warmup: float = 0.01
    decay: float = 0.3

    def share(self, done: float) -> float:
        """The share of the learning rate, given the share of the tokens done."""
        rising = min(1.0, (done + 1e-3) / self.warmup) if self.warmup else 1.0
        falling = min(1.0, max(0.0, (1.0 - done) / self.decay))
        return min(rising, falling)


def loss_of(model: FalconForCausalLM, batch: TrainingBatch) -> torch.Tensor:
    """The weighted cross-entropy of the tokens with a weight."""
    weights = batch.weights[:, 1:].flatten()
    learnt = weights.nonzero().squeeze(1)
    hidden = model.transformer(input_ids=batch.ids, use_cache=False).last_hidden_state
    chosen = hidden[:, :-1].flatten(0, 1)[learnt]
    logits = functional.linear(chosen, model.transformer.word_embeddings.weight).float()
    losses = functional.cross_entropy(logits, batch.ids[:, 1:].flatten()[learnt], reduction="none")
    return (losses * weights[learnt]).sum() / weights[learnt].sum()


@dataclass
class Trainer:
    """Trains a model for one stage.

    Args:
        model: A bf16 model, trained in place.
        stage: The settings.
        name: Prefix of the lines of progress.
        checkpoint: File for the state every `EVERY` steps; None for no checkpoints.
        done: Tokens trained on so far.
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
        """Resume from a checkpoint, with newly drawn data."""
        state = torch.load(checkpoint, weights_only=True)
        self.optimiser.restore(state["optimiser"])
        self.done = state["tokens"]

    def run(self, source: Iterator[TrainingBatch]) -> None:
        """Train until the stage's tokens are used.

        Raises:
            FloatingPointError: The loss is no longer a number.
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
