"""Quantised weights: what a config says of them, and how many bytes a matrix takes.

The layouts are those of the checkpoints, which vLLM loads: packed integers with a scale, and often
a zero point, for each group of inputs (AWQ, GPTQ, compressed-tensors), 8-bit floats with a scale
for each block or channel (FP8), 4-bit floats with an 8-bit scale for each 32 (MXFP4) or 64 inputs
(bitsandbytes). Embeddings, norms, biases, routers and the output layer stay in 16 bits.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

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


_MXFP4 = Scheme(bits=4, block_inputs=32, scale_bytes=1, is_split_at_blocks=False, pads_experts=True)


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
    """

    method: str
    scheme: Scheme | None = None
    only: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    output_layer: bool = False
    computes_in_fp8: bool = False

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


class _Weights(BaseModel):
    """compressed-tensors: how one group of modules is stored."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    num_bits: PositiveInt = 8
    type: str = "int"
    strategy: str | None = None
    group_size: int | None = None
    symmetric: bool = True
    block_structure: list[PositiveInt] | None = Field(None, min_length=2, max_length=2)
    actorder: bool | str | None = None


class _ConfigGroup(BaseModel):
    """compressed-tensors: some modules, their weights and their activations."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    targets: list[str] = Field(default_factory=lambda: ["Linear"])
    weights: _Weights | None = None
    input_activations: dict[str, Any] | None = None


class QuantizationFields(BaseModel):
    """The ``quantization_config`` of a config.json, of any method."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    quant_method: str = "unnamed method"
    bits: PositiveInt = 4
    group_size: int = 128
    zero_point: bool = True
    lm_head: bool | None = False
    dynamic: dict[str, Any] | None = None
    modules_to_not_convert: list[str] | None = None
    ignored_layers: list[str] | None = None
    ignore: list[str] | None = None
    weight_block_size: list[PositiveInt] | None = Field(None, min_length=2, max_length=2)
    config_groups: dict[str, _ConfigGroup] | None = None
    format: str | None = None
    load_in_8bit: bool = False
    llm_int8_skip_modules: list[str] | None = None
    bnb_4bit_use_double_quant: bool = False

    def quantization(self) -> Quantization:
        """What it means."""
        match self.quant_method:
            case "awq":
                zero_bits = self.bits if self.zero_point else 0
                found = self._of(_grouped(self.bits, self.group_size, zero_bits))
            case "gptq":
                found = self._gptq()
            case "fp8" | "fbgemm_fp8":
                found = self._of(self._fp8(), computes_in_fp8=True)
            case "compressed-tensors":
                found = self._compressed_tensors()
            case "bitsandbytes":
                found = self._of(self._bitsandbytes())
            case "mxfp4":
                found = self._of(_MXFP4, only=("experts",))
            case _:
                found = self._of(None)
        return found

    def _of(self, scheme: Scheme | None, **more: Any) -> Quantization:
        lists = (
            *(self.modules_to_not_convert, self.ignored_layers, self.ignore),
            self.llm_int8_skip_modules,
        )
        skipped = [pattern for patterns in lists for pattern in patterns or ()]
        return Quantization(
            method=self.quant_method,
            scheme=scheme,
            **{"skipped": tuple(skipped), "output_layer": bool(self.lm_head), **more},
        )

    def _gptq(self) -> Quantization:
        """GPTQ: ``dynamic`` leaves modules out (``-:``) or gives them other bits (``+:``)."""
        dynamic = self.dynamic or {}
        if any(not pattern.startswith("-:") for pattern in dynamic):
            return self._of(None)
        scheme = _grouped(self.bits, self.group_size, self.bits)
        skipped = tuple(f"re:{pattern.removeprefix('-:')}" for pattern in dynamic)
        # the index of each input's group
        indexed = scheme.model_copy(update={"index_bytes": 4})
        return self._of(indexed, skipped=(*skipped, *(self.modules_to_not_convert or ())))

    def _fp8(self) -> Scheme:
        if self.weight_block_size is not None:
            outputs, inputs = self.weight_block_size
            return Scheme(bits=8, block_outputs=outputs, block_inputs=inputs, scale_bytes=4)
        if self.quant_method == "fbgemm_fp8":
            return Scheme(bits=8, scale_bytes=4)
        return Scheme(bits=8, block_outputs=None, scale_bytes=8)

    def _bitsandbytes(self) -> Scheme:
        if self.load_in_8bit:
            return Scheme(bits=8, scale_bytes=4)
        # a scale for 64 weights: 4 bytes, or one byte and 4 more for every 256 scales
        scale_bytes = 1 + 4 / 256 if self.bnb_4bit_use_double_quant else 4
        return Scheme(bits=4, block_inputs=64, scale_bytes=scale_bytes, is_split_at_blocks=False)

    def _compressed_tensors(self) -> Quantization:
        groups = list((self.config_groups or {}).values())
        if len(groups) != 1 or groups[0].weights is None or self.format == "sparse-24":
            return self._of(None)
        targets = groups[0].targets
        return self._of(
            _compressed(groups[0].weights),
            only=() if "Linear" in targets else tuple(targets),
            computes_in_fp8=groups[0].weights.type == "float"
            and groups[0].weights.num_bits == 8
            and groups[0].input_activations is not None,
        )


def _compressed(weights: _Weights) -> Scheme:
    is_float4 = weights.type == "float" and weights.num_bits == 4
    zero_bytes = 0 if weights.symmetric else weights.num_bits / 8
    match weights.strategy:
        case "group" | "tensor_group":
            return Scheme(
                bits=weights.num_bits,
                block_inputs=_group(weights.group_size),
                scale_bytes=1 if is_float4 else 2 + zero_bytes,
                index_bytes=4 if weights.actorder == "group" else 0,
            )
        case "block" if weights.block_structure is not None:
            outputs, inputs = weights.block_structure
            return Scheme(
                bits=weights.num_bits, block_outputs=outputs, block_inputs=inputs, scale_bytes=2
            )
        case "channel":
            return Scheme(bits=weights.num_bits, scale_bytes=2 + zero_bytes)
        case _:
            return Scheme(bits=weights.num_bits, block_outputs=None, scale_bytes=4)


def _grouped(bits: int, group_size: int, zero_bits: int) -> Scheme:
    return Scheme(bits=bits, block_inputs=_group(group_size), scale_bytes=2 + zero_bits / 8)


def _group(group_size: int | None) -> int | None:
    """The size of a group; -1 means that a channel is one."""
    return group_size if group_size is not None and group_size > 0 else None


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
