"""Which tensor-parallel sizes vLLM accepts for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.errors import DoesNotFitError

if TYPE_CHECKING:
    from revloop.models.layers import Layers
    from revloop.models.shape import ModelShape

_FALCONS = ("FalconForCausalLM", "RWForCausalLM")

SIZES_TRIED = range(1, 9)
"""Sizes to suggest: a machine has up to eight GPUs."""


def tensor_parallel_sizes(shape: ModelShape) -> tuple[int, ...]:
    """The tensor-parallel sizes up to 8 that vLLM accepts for a model, memory aside."""
    return tuple(size for size in SIZES_TRIED if _refusal(shape, size) is None)


def check_tensor_parallel_size(
    shape: ModelShape, tensor_parallel_size: int, *, whole_experts: bool = False
) -> None:
    """Check that vLLM can split a model over a number of GPUs.

    Args:
        shape: The model.
        tensor_parallel_size: Number of GPUs.
        whole_experts: Whether each GPU holds some experts as a whole (vLLM's
            ``--enable-expert-parallel``), not a part of each.

    Raises:
        DoesNotFitError: It cannot; the message gives the reason and the sizes that work.
    """
    if tensor_parallel_size < 1:
        raise DoesNotFitError(
            f"Tensor-parallel size {tensor_parallel_size} is invalid: it is a number of GPUs."
        )
    reason = _refusal(shape, tensor_parallel_size, whole_experts=whole_experts)
    if reason is not None and shape.has_experts and not whole_experts:
        with_whole = _refusal(shape, tensor_parallel_size, whole_experts=True)
        reason += "" if with_whole else " (but can be with --enable-expert-parallel)"
    if reason is not None:
        raise DoesNotFitError(
            f"This {shape.architecture} cannot be served at tensor-parallel size "
            f"{tensor_parallel_size}: {reason}. {suggestion(tensor_parallel_sizes(shape))}"
        )


def _refusal(shape: ModelShape, size: int, *, whole_experts: bool = False) -> str | None:
    """Why vLLM cannot split a model over a number of GPUs, or None if it can.

    The rules are those of vLLM 0.32: ``ModelConfig.verify_with_parallel_config`` for the heads,
    ``QKVParallelLinear`` for KV heads, ``divide`` in the feed-forward layers and in
    ``VocabParallelEmbedding``, ``FusedMoE`` for experts, and ``FalconMLP``, which assumes an inner
    width of 4 x hidden.
    """
    for each in shape.stack:
        feed_forward = each.layer.feed_forward
        if shape.architecture in _FALCONS and feed_forward.size != 4 * shape.hidden_size:
            return (
                f"vLLM assumes a Falcon feed-forward width of 4 x {shape.hidden_size}, and this "
                f"model has {feed_forward.size}"
            )
        reason = (
            each.layer.attention.refusal(size)
            or feed_forward.refusal(size, whole_experts=whole_experts)
            or _block_refusal(shape, each, size, whole_experts=whole_experts)
        )
        if reason is not None:
            return reason
    if shape.padded_vocabulary_size % size:
        return (
            f"its vocabulary, padded to {shape.padded_vocabulary_size}, is not divisible by {size}"
        )
    return None


def _block_refusal(
    shape: ModelShape, layers: Layers, size: int, *, whole_experts: bool
) -> str | None:
    """Why the blocks or groups of quantised weights cannot be split, or None if they can.

    vLLM checks this where it creates the weights: ``validate_fp8_block_shape`` for FP8, and "The
    input size is not aligned with the quantized weight shape" for AWQ and GPTQ.
    """
    scheme = None if shape.quantization is None else shape.quantization.scheme
    if size == 1 or scheme is None or not scheme.is_split_at_blocks:
        return None
    hidden = shape.hidden_size
    pairs = zip(layers.layer.matrices(hidden), layers.layer.matrices(hidden, size), strict=True)
    for whole, part in pairs:
        if part.name not in layers.quantized or (whole_experts and part.copies > 1):
            continue
        for width, of_whole, block in (
            (part.inputs, whole.inputs, scheme.block_inputs),
            (part.outputs, whole.outputs, scheme.block_outputs),
        ):
            if block is not None and width != of_whole and width % block:
                name = part.name.rpartition(".")[2]
                return (
                    f"its {name} would be split into {width}, which its quantisation in blocks of "
                    f"{block} does not divide"
                )
    return None


def suggestion(sizes: tuple[int, ...]) -> str:
    """A sentence that names the sizes that work."""
    match sizes:
        case ():
            return "No size up to 8 works."
        case (only,):
            return f"The only size up to 8 that works is {only}."
        case _:
            return f"Sizes up to 8 that work: {listed(sizes)}."


def listed(sizes: tuple[int, ...]) -> str:
    """Sizes, separated by commas."""
    return ", ".join(str(size) for size in sizes) or "none"
