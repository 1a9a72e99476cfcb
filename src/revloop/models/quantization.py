"""Quantised weights: how many bytes a matrix takes.

The layouts are those of the checkpoints, which vLLM loads: packed integers with a scale, and often
a zero point, for each group of inputs (AWQ, GPTQ, compressed-tensors), 8-bit floats with a scale
for each block or channel (FP8), 4-bit floats with an 8-bit scale for each 32 (MXFP4) or 64 inputs
(bitsandbytes). Embeddings, norms, biases, routers and the output layer stay in 16 bits.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import PositiveFloat, PositiveInt

from revloop.values import Frozen

if TYPE_CHECKING:
    from revloop.models.matrix import Matrix


class Scheme(Frozen):
    """How the weights of a matrix are stored.

    Attributes:
        bits: Bits of a weight.
        block_outputs: Outputs that share a scale; None for all.
        block_inputs: Inputs that share a scale; None for all.
        scale_bytes: Bytes of a scale and of its zero point.
        index_bytes: Further bytes for each input.
        is_split_at_blocks: Whether vLLM splits a matrix only at the edge of a block.
        pads_experts: Whether vLLM's kernels round the sizes of experts up: 256 for the hidden size,
            128 for the inner one (``mxfp4_round_up_hidden_size_and_intermediate_size``; some
            kernels need less).
    """

    bits: PositiveInt
    block_outputs: PositiveInt | None = 1
    block_inputs: PositiveInt | None = None
    scale_bytes: PositiveFloat = 2.0
    index_bytes: int = 0
    is_split_at_blocks: bool = True
    pads_experts: bool = False

    def bytes_of(self, inputs: int, outputs: int) -> float:
        """Bytes of the weights of one matrix, with their scales."""
        return (
            inputs * outputs * self.bits / 8
            + _blocks(outputs, self.block_outputs)
            * _blocks(inputs, self.block_inputs)
            * self.scale_bytes
            + inputs * self.index_bytes
        )

    def __str__(self) -> str:
        """The bits, and what shares a scale."""
        match (self.block_outputs, self.block_inputs):
            case (None, None):
                shared = "one scale for a matrix"
            case (1, None):
                shared = "a scale for each channel"
            case (1, int(group)):
                shared = f"groups of {group}"
            case (outputs, inputs):
                shared = f"blocks of {outputs} x {inputs}"
        return f"{self.bits} bits, {shared}"


class Quantization(Frozen):
    """The quantisation of a checkpoint.

    Attributes:
        method: Its name in the config, such as ``awq``.
        scheme: How matrices are stored; None if revloop does not know the method.
        only: Patterns for the modules that are quantised; empty for all matrices of the layers.
        skipped: Patterns for modules that are not.
        output_layer: Whether the output layer is quantised too.
        computes_in_fp8: Whether activations are quantised to fp8 as well, so that the card's fp8
            units multiply.
        caches_in_fp8: Whether vLLM stores the KV cache in fp8, as the checkpoint asks.
    """

    method: str
    scheme: Scheme | None = None
    only: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    output_layer: bool = False
    computes_in_fp8: bool = False
    caches_in_fp8: bool = False

    def applies_to(self, module: str) -> bool:
        """Whether a module of a decoder layer is quantised, given its full name."""
        wanted = not self.only or any(_matches(pattern, module) for pattern in self.only)
        return wanted and not any(_matches(pattern, module) for pattern in self.skipped)

    def matrix_bytes(self, matrix: Matrix, plain_bytes: int, *, padded: bool) -> float:
        """Bytes of one copy of a quantised matrix.

        Args:
            matrix: As one GPU holds it.
            plain_bytes: Bytes of a value that is not quantised: of a bias.
            padded: Whether to count the padding of vLLM's kernels.
        """
        if self.scheme is None:
            return (matrix.weights + matrix.biases) * plain_bytes
        inputs, outputs = matrix.inputs, matrix.outputs
        if padded and self.scheme.pads_experts:
            inner_first = matrix.name.endswith("down_proj")
            inputs = _rounded_up(inputs, 128 if inner_first else 256)
            outputs = _rounded_up(outputs, 256 if inner_first else 128)
        return self.scheme.bytes_of(inputs, outputs) + matrix.biases * plain_bytes

    def __str__(self) -> str:
        """The method and how it stores weights."""
        return self.method if self.scheme is None else f"{self.method}: {self.scheme}"


def _blocks(width: int, block: int | None) -> int:
    return 1 if block is None else -(-width // block)


def _rounded_up(width: int, multiple: int) -> int:
    return -(-width // multiple) * multiple


def _matches(pattern: str, module: str) -> bool:
    """Whether a pattern of a config means a module.

    ``re:`` begins a regular expression for the beginning of the name, as in compressed-tensors;
    any other pattern is a part of the name between dots, with ``*`` for anything.
    """
    if pattern.startswith("re:"):
        try:
            return re.match(pattern.removeprefix("re:"), module) is not None
        except re.error:
            return False
    plain = pattern.replace("language_model.", "").strip(".")
    wanted = r".*".join(re.escape(part) for part in plain.split("*"))
    return re.search(rf"(^|\.){wanted}(\.|$)", module) is not None
