"""Plan a deployment by arithmetic: what a model needs on each GPU, and what fits beside it."""

from __future__ import annotations

from bisect import bisect_right

from revloop.errors import DoesNotFitError, ModelConfigError
from revloop.models.kv_cache import BLOCK_TOKENS
from revloop.models.parallelism import (
    check_tensor_parallel_size,
    suggestion,
    tensor_parallel_sizes,
)
from revloop.models.shape import DTYPE_BYTES, ModelShape
from revloop.values import Frozen

GPU_MEMORY_UTILIZATION = 0.92
"""vLLM's default share of a GPU's memory (since 0.32; before, 0.9)."""

RUNTIME_RESERVE_GIB = 2.0
"""Assumed, not measured: memory on each GPU for CUDA's context, NCCL, CUDA graphs and the
activations of a step. vLLM measures the actual figure when it starts."""

_GIB = 2**30
_BYTES_OF_DTYPE = DTYPE_BYTES | {"auto": 2}


class DeploymentPlan(Frozen):
    """What a model needs at one tensor-parallel size, and what fits beside it.

    Attributes:
        shape: The model.
        tensor_parallel_size: GPUs that share the model.
        value_bytes: Bytes of a value that is not quantised, as served.
        gpu_memory_gib: Memory of one GPU; None if not given, and so are the figures that need it.
        gpu_memory_utilization: The share of it that vLLM may use.
    """

    shape: ModelShape
    tensor_parallel_size: int
    value_bytes: int
    gpu_memory_gib: float | None = None
    gpu_memory_utilization: float = GPU_MEMORY_UTILIZATION

    @property
    def weight_bytes(self) -> int:
        """Weights of the whole model; shared ones count once."""
        return self.shape.weight_bytes(self.value_bytes)

    @property
    def weight_bytes_per_gpu(self) -> int:
        """Weights on one GPU, including vLLM's padding and replication."""
        return self.shape.weight_bytes_per_gpu(self.tensor_parallel_size, self.value_bytes)

    def weight_bytes_read(self, tokens: float) -> int:
        """Weights that a step with so many tokens reads on one GPU: of experts, those it uses."""
        return self.shape.weight_bytes_per_gpu(
            self.tensor_parallel_size, self.value_bytes, tokens=tokens
        )

    @property
    def kv_value_bytes(self) -> int:
        """Bytes of one KV cache value."""
        quantization = self.shape.quantization
        in_fp8 = quantization is not None and quantization.caches_in_fp8
        return 1 if in_fp8 else self.value_bytes

    def kv_cache_bytes_read(self, context_tokens: float) -> int:
        """KV cache that a token at a position reads on one GPU."""
        return self.kv_value_bytes * self.shape.kv_values_read(
            context_tokens, self.tensor_parallel_size
        )

    @property
    def kv_cache_bytes_per_token(self) -> int:
        """KV cache of a token over all layers, each key and value head once."""
        return self.shape.kv_values_per_token(1) * self.kv_value_bytes

    @property
    def kv_cache_bytes_per_token_per_gpu(self) -> int:
        """KV cache of a token on one GPU."""
        return self.shape.kv_values_per_token(self.tensor_parallel_size) * self.kv_value_bytes

    @property
    def kv_cache_bytes_per_gpu(self) -> int | None:
        """What remains for the KV cache on one GPU; negative if the weights do not fit."""
        if self.gpu_memory_gib is None:
            return None
        usable_gib = self.gpu_memory_gib * self.gpu_memory_utilization - RUNTIME_RESERVE_GIB
        return int(usable_gib * _GIB) - self.weight_bytes_per_gpu

    @property
    def kv_cache_block_bytes(self) -> int:
        """Bytes of one block on one GPU: its tokens in as many layers as share a block table."""
        in_a_layer = self.shape.attention.kv_values(self.tensor_parallel_size) * self.kv_value_bytes
        return self.shape.cache_layout.layers * in_a_layer * BLOCK_TOKENS

    @property
    def kv_cache_blocks(self) -> int | None:
        """Blocks of the KV cache on one GPU; vLLM reserves one more as its null block."""
        if self.kv_cache_bytes_per_gpu is None:
            return None
        return max(0, self.kv_cache_bytes_per_gpu // self.kv_cache_block_bytes - 1)

    @property
    def kv_cache_tokens(self) -> int | None:
        """Capacity of the KV cache, for sequences of the model's full context."""
        if self.kv_cache_blocks is None:
            return None
        layout = self.shape.cache_layout
        if not layout.has_windows:
            return self.kv_cache_blocks * BLOCK_TOKENS
        tokens = self.shape.context_tokens
        return self.kv_cache_blocks * tokens // layout.blocks(tokens)

    def kv_cache_bytes_per_sequence(self, tokens: int) -> int:
        """KV cache of a sequence on one GPU, in whole blocks, while it is decoded."""
        return self.shape.cache_layout.blocks(tokens) * self.kv_cache_block_bytes

    def sequences(self, tokens: int) -> int | None:
        """Sequences of a length that fit at once and share no blocks."""
        if self.kv_cache_blocks is None:
            return None
        return self.kv_cache_blocks // self.shape.cache_layout.blocks(tokens)

    @property
    def longest_sequence(self) -> int | None:
        """Tokens of the longest sequence that fits alone, up to the context; 0 if none does."""
        if self.kv_cache_blocks is None:
            return None
        blocks, layout = self.kv_cache_blocks, self.shape.cache_layout
        longest = range(1, self.shape.context_tokens + 1)
        return bisect_right(longest, blocks, key=layout.blocks)

    @property
    def full_length_trajectories(self) -> int | None:
        """Sequences of the model's full context that fit at once and share no blocks.

        Real ones are shorter and share prefixes, so more of them run.
        """
        return self.sequences(self.shape.context_tokens)


def plan(
    shape: ModelShape,
    tensor_parallel_size: int = 1,
    *,
    gpu_memory_gib: float | None = None,
    gpu_memory_utilization: float = GPU_MEMORY_UTILIZATION,
    dtype: str = "auto",
) -> DeploymentPlan:
    """Plan one deployment of a model.

    Args:
        shape: The model, from `revloop.models.config.read_shape`.
        tensor_parallel_size: GPUs that share the model.
        gpu_memory_gib: Memory of one GPU in GiB, or None to ignore memory.
        gpu_memory_utilization: The share of it that vLLM may use, above 0 and up to 1.
        dtype: vLLM's ``--dtype``. With ``auto``, vLLM serves 32-bit weights in 16 bits.

    Raises:
        DoesNotFitError: vLLM refuses this tensor-parallel size, or the weights and the KV cache
            of one sequence exceed the memory. The message names sizes that work.
        ModelConfigError: The weights are quantised by an unknown method and not in the folder.
    """
    check_tensor_parallel_size(shape, tensor_parallel_size)
    if not shape.weight_bytes_are_known:
        raise ModelConfigError(
            f"The weights of this {shape.architecture} are quantised ({shape.quantization}) in a "
            "way that revloop cannot size from the config. Put the *.safetensors files, or their "
            "index, into the folder: then their real size counts."
        )
    planned = DeploymentPlan(
        shape=shape,
        tensor_parallel_size=tensor_parallel_size,
        value_bytes=_value_bytes(dtype),
        gpu_memory_gib=gpu_memory_gib,
        gpu_memory_utilization=gpu_memory_utilization,
    )
    if planned.full_length_trajectories == 0:
        raise DoesNotFitError(_too_little_memory(planned))
    return planned


def _value_bytes(dtype: str) -> int:
    try:
        return _BYTES_OF_DTYPE[dtype]
    except KeyError:
        known = ", ".join(sorted(_BYTES_OF_DTYPE))
        raise DoesNotFitError(f"{dtype!r} is not a vLLM data type. Known: {known}.") from None


def _too_little_memory(planned: DeploymentPlan) -> str:
    shape, size = planned.shape, planned.tensor_parallel_size
    usable = f"{planned.gpu_memory_utilization:.0%} of {planned.gpu_memory_gib:g} GiB"
    room_gib = (planned.kv_cache_bytes_per_gpu or 0) / _GIB
    if room_gib <= 0:
        problem = (
            f"each of {size} GPU(s) would hold {planned.weight_bytes_per_gpu / _GIB:.3g} GiB of "
            f"weights, and an assumed {RUNTIME_RESERVE_GIB:g} GiB for the engine itself, in "
            f"{usable}"
        )
    else:
        problem = (
            f"beside the weights, {usable} leaves {room_gib:.2g} GiB of KV cache on each GPU, "
            f"too little for one sequence of {shape.context_tokens:,} tokens"
        )
        if planned.longest_sequence:
            problem += f" (one of {planned.longest_sequence:,} would fit: --max-model-len)"
    fitting = tuple(
        other
        for other in tensor_parallel_sizes(shape)
        if planned.model_copy(update={"tensor_parallel_size": other}).full_length_trajectories
    )
    return f"This {shape.architecture} does not fit: {problem}. {suggestion(fitting)}"
