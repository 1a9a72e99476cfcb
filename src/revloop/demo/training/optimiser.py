"""bf16 weights that are trained through fp32 masters: Muon on the matrices, AdamW on the rest."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class MasterOptimiser:
    """Keeps an fp32 copy of each weight, steps on the copies, and writes them back.

    Args:
        model: a bf16 model.
        matrix_rate: learning rate of the matrices inside the layers; 0 gives them to AdamW as well.
        other_rate: learning rate of embeddings and norms.
        clip: largest norm of the whole gradient.

    """

    def __init__(
        self, model: nn.Module, *, matrix_rate: float, other_rate: float, clip: float = 1.0
    ) -> None:
        self.weights = list(model.parameters())
        self.masters = [nn.Parameter(weight.detach().float().clone()) for weight in self.weights]
        names = [name for name, _ in model.named_parameters()]
        inner = [
            master
            for name, master in zip(names, self.masters, strict=True)
            if matrix_rate and master.ndim == 2 and "embedding" not in name
        ]
        inside = {id(master) for master in inner}
        outer = [master for master in self.masters if id(master) not in inside]
        self.clip = clip
        self.optimisers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(outer, lr=other_rate, betas=(0.9, 0.98), weight_decay=0.0)
        ]
        if inner:
            self.optimisers.append(
                torch.optim.Muon(
                    inner, lr=matrix_rate, weight_decay=0.01, momentum=0.95, ns_steps=5
                )
            )
        self.rates = [optimiser.param_groups[0]["lr"] for optimiser in self.optimisers]

    def step(self, share: float) -> float:
        """One step at that share of the learning rates; returns the norm of the gradient."""
        for weight, master in zip(self.weights, self.masters, strict=True):
            master.grad = None if weight.grad is None else weight.grad.float()
            weight.grad = None
        norm = float(nn.utils.clip_grad_norm_(self.masters, self.clip))
        for optimiser, rate in zip(self.optimisers, self.rates, strict=True):
            optimiser.param_groups[0]["lr"] = rate * share
            optimiser.step()
        with torch.no_grad():
            for weight, master in zip(self.weights, self.masters, strict=True):
                weight.copy_(master)
        return norm

    def state(self) -> dict[str, object]:
        """All that is needed to go on later, for `torch.save`."""
        return {
            "masters": [master.detach() for master in self.masters],
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a saved state, weights included."""
        with torch.no_grad():
            for master, weight, saved in zip(
                self.masters, self.weights, state["masters"], strict=True
            ):
                master.copy_(saved)
                weight.copy_(saved)
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
