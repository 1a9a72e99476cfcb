"""Which tensor-parallel sizes vLLM accepts for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.errors import DoesNotFitError

if TYPE_CHECKING:
    from revloop.models.shape import ModelShape

SIZES_TRIED = range(1, 9)
"""Sizes to suggest: a machine has up to eight GPUs."""


def tensor_parallel_sizes(shape: ModelShape) -> tuple[int, ...]:
    """The tensor-parallel sizes up to 8 that vLLM accepts for a model, memory aside."""
    return tuple(size for size in SIZES_TRIED if _refusal(shape, size) is None)


def check_tensor_parallel_size(shape: ModelShape, tensor_parallel_size: int) -> None:
    """Check that vLLM can split a model over a number of GPUs.

    Raises:
        DoesNotFitError: It cannot; the message gives the reason and the sizes that work.
    """
    if tensor_parallel_size < 1:
        raise DoesNotFitError(
            f"Tensor-parallel size {tensor_parallel_size} is invalid: it is a number of GPUs."
        )
    reason = _refusal(shape, tensor_parallel_size)
    if reason is not None:
        raise DoesNotFitError(
            f"This {shape.architecture} cannot be served at tensor-parallel size "
            f"{tensor_parallel_size}: {reason}. {suggestion(tensor_parallel_sizes(shape))}"
        )


def _refusal(shape: ModelShape, size: int) -> str | None:
    """Why vLLM cannot split a model over a number of GPUs, or None if it can.

    The rules are those of vLLM 0.32: ``ModelConfig.verify_with_parallel_config`` for the heads,
    ``QKVParallelLinear`` for KV heads, ``divide`` in the feed-forward layers and in
    ``VocabParallelEmbedding``, and ``FalconMLP``, which assumes an inner width of 4 x hidden.
    """
    if shape.family == "falcon" and shape.ffn_size != 4 * shape.hidden_size:
        return (
            f"vLLM assumes a Falcon feed-forward width of 4 x {shape.hidden_size}, and this model "
            f"has {shape.ffn_size}"
        )
    if shape.attention_heads % size:
        return f"its {shape.attention_heads} attention heads are not divisible by {size}"
    if shape.kv_heads % size and size % shape.kv_heads:
        return (
            f"its {shape.kv_heads} KV heads can be neither split nor replicated evenly over {size}"
        )
    if shape.ffn_size % size:
        return f"its feed-forward width of {shape.ffn_size} is not divisible by {size}"
    if shape.padded_vocabulary_size % size:
        return (
            f"its vocabulary, padded to {shape.padded_vocabulary_size}, is not divisible by {size}"
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
