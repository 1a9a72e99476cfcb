"""One weight matrix of a decoder layer, as one GPU holds it."""

from __future__ import annotations

import math
from typing import NamedTuple


class Matrix(NamedTuple):
    """A weight matrix, or equal ones of several experts.

    Attributes:
        name: Its module in the layer, as in the checkpoint: ``self_attn.q_proj``.
        inputs: Width of what it multiplies.
        outputs: Width of the result.
        has_bias: Whether a bias of that width is added.
        copies: Number of experts that have such a matrix; 1 for what every token uses.
        used: Copies that one token uses.
        quantizable: Whether quantised checkpoints may quantise it: routers and gates stay plain.
    """

    name: str
    inputs: int
    outputs: int
    has_bias: bool = False
    copies: int = 1
    used: int = 1
    quantizable: bool = True

    @property
    def weights(self) -> int:
        """Weights of one copy, without its bias."""
        return self.inputs * self.outputs

    @property
    def biases(self) -> int:
        """Values of one copy's bias."""
        return self.outputs if self.has_bias else 0

    @property
    def parameters(self) -> int:
        """Parameters of all copies."""
        return self.copies * (self.weights + self.biases)

    @property
    def active_parameters(self) -> int:
        """Parameters of the copies that one token uses."""
        return self.used * (self.weights + self.biases)

    def copies_touched(self, tokens: float) -> float:
        """Expected copies that a batch of tokens uses."""
        return copies_touched(self.copies, self.used, tokens)


def copies_touched(copies: int, used: int, tokens: float) -> float:
    """Expected experts that a batch uses, if each token picks them evenly and independently.

    An expert stays unused if every token leaves it out: ``(1 - used / copies) ** tokens``.
    """
    return copies * (1 - math.pow(1 - used / copies, tokens))
