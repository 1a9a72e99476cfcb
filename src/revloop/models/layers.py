"""Decoder layers: attention, feed-forward, norms, and what they take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import NonNegativeInt, PositiveInt

from revloop.models.attention import Attention
from revloop.models.feed_forward import FeedForward
from revloop.values import Frozen

if TYPE_CHECKING:
    from revloop.models.matrix import Matrix
    from revloop.models.quantization import Quantization


class Layer(Frozen):
    """One decoder layer.

    Attributes:
        attention: Its attention.
        feed_forward: Its feed-forward part.
        norm_parameters: Parameters of its norms over the hidden size.
    """

    attention: Attention
    feed_forward: FeedForward
    norm_parameters: NonNegativeInt

    def matrices(self, hidden_size: int, gpus: int = 1) -> tuple[Matrix, ...]:
        """All weight matrices on one GPU."""
        return (
            *self.attention.matrices(hidden_size, gpus),
            *self.feed_forward.matrices(hidden_size, gpus),
        )

    @property
    def vector_parameters(self) -> int:
        """Parameters outside of matrices and their biases; every GPU has them all."""
        return self.norm_parameters + self.attention.vector_parameters


class Layers(Frozen):
    """Equal layers of a model.

    Attributes:
        count: Their number.
        layer: One of them.
        quantized: Names of the matrices that are quantised.
    """

    count: PositiveInt
    layer: Layer
    quantized: frozenset[str] = frozenset()

    def parameters(self, hidden_size: int, gpus: int = 1) -> int:
        """Parameters on one GPU."""
        of_matrices = sum(each.parameters for each in self.layer.matrices(hidden_size, gpus))
        return self.count * (of_matrices + self.layer.vector_parameters)

    def active_parameters(self, hidden_size: int) -> int:
        """Parameters that one token uses."""
        of_matrices = sum(each.active_parameters for each in self.layer.matrices(hidden_size))
        return self.count * (of_matrices + self.layer.vector_parameters)

    def weight_bytes(
        self,
        hidden_size: int,
        gpus: int,
        value_bytes: int,
        quantization: Quantization | None,
        *,
        tokens: float | None = None,
    ) -> float:
        """Bytes of the weights on one GPU.

        Args:
            hidden_size: The width of the residual stream.
            gpus: The tensor-parallel size; 0 for the checkpoint, without the padding of kernels.
            value_bytes: Bytes of a value that is not quantised.
            quantization: Of the checkpoint, if any.
            tokens: Count only what a batch of so many tokens is expected to read; None for all.
        """
        total = float(self.layer.vector_parameters * value_bytes)
        for matrix in self.layer.matrices(hidden_size, max(1, gpus)):
            if quantization is not None and matrix.name in self.quantized:
                each = quantization.matrix_bytes(matrix, value_bytes, padded=gpus > 0)
            else:
                each = (matrix.weights + matrix.biases) * value_bytes
            total += each * (matrix.copies if tokens is None else matrix.copies_touched(tokens))
        return self.count * total
