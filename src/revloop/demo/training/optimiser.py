"""Train bf16 weights through fp32 masters: Muon for the matrices, AdamW for the rest."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class MasterOptimiser:
    """Updates fp32 copies of the weights and writes them back.

    Args:
        model: A bf16 model.
        matrix_rate: Learning rate of the layers' matrices; 0 to use AdamW for them too.
        other_rate: Learning rate of embeddings and norms.
        clip: Largest norm of the gradient.
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
        """Take one step at a share of the learning rates; the norm of the gradient."""
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
        """The state to resume from, for `torch.save`."""
        return {
            "masters": [master.detach() for master in self.masters],
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a saved state, including the weights."""
        with torch.no_grad():
            for master, weight, saved in zip(
                self.masters, self.weights, state["masters"], strict=True
            ):
                master.copy_(saved)
                weight.copy_(saved)
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
