"""Plan a deployment by arithmetic: what a model needs on each GPU, and what fits beside it."""

from __future__ import annotations

from typing import NamedTuple

from revloop.errors import DoesNotFitError, ModelConfigError
from revloop.models.parallelism import (
    check_tensor_parallel_size,
    listed,
    suggestion,
    tensor_parallel_sizes,
)
from revloop.models.shape import ModelShape
from revloop.values import Frozen

GPU_MEMORY_UTILIZATION = 0.92
"""vLLM's default share of a GPU's memory (since 0.32; before, 0.9)."""

RUNTIME_RESERVE_GIB = 2.0
"""Assumed, not measured: memory on each GPU for CUDA's context, NCCL, CUDA graphs and the
activations of a step. vLLM measures the actual figure when it starts."""

BLOCK_TOKENS = 16
"""Tokens in a KV cache block: vLLM's default on a GPU."""

_GIB = 2**30
_BYTES_OF_DTYPE = {"float32": 4, "float": 4, "bfloat16": 2, "float16": 2, "half": 2, "auto": 2}


class PlanRow(NamedTuple):
    """One line of a plan's table."""

    label: str
    value: str
    explanation: str


class DeploymentPlan(Frozen):
    """What a model needs at one tensor-parallel size, and what fits beside it.

    Attributes:
        shape: The model.
        tensor_parallel_size: GPUs that share the model.
        value_bytes: Bytes of one weight or KV cache value, as served.
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
        return self.shape.parameters * self.value_bytes

    @property
    def weight_bytes_per_gpu(self) -> int:
        """Weights on one GPU, including vLLM's padding and replication."""
        return self.shape.parameters_per_gpu(self.tensor_parallel_size) * self.value_bytes

    @property
    def kv_cache_bytes_per_token(self) -> int:
        """KV cache of a token over all layers, each key and value head once."""
        return self.shape.kv_values_per_token(1) * self.value_bytes

    @property
    def kv_cache_bytes_per_token_per_gpu(self) -> int:
        """KV cache of a token on one GPU."""
        return self.shape.kv_values_per_token(self.tensor_parallel_size) * self.value_bytes

    @property
    def kv_cache_bytes_per_gpu(self) -> int | None:
        """What remains for the KV cache on one GPU; negative if the weights do not fit."""
        if self.gpu_memory_gib is None:
            return None
        usable_gib = self.gpu_memory_gib * self.gpu_memory_utilization - RUNTIME_RESERVE_GIB
        return int(usable_gib * _GIB) - self.weight_bytes_per_gpu

    @property
    def kv_cache_tokens(self) -> int | None:
        """Capacity of the KV cache, in whole blocks; vLLM reserves one as its null block."""
        if self.kv_cache_bytes_per_gpu is None:
            return None
        block_bytes = self.kv_cache_bytes_per_token_per_gpu * BLOCK_TOKENS
        return max(0, self.kv_cache_bytes_per_gpu // block_bytes - 1) * BLOCK_TOKENS

    @property
    def full_length_trajectories(self) -> int | None:
        """Sequences of the model's full context that fit at once and share no blocks.

        Real ones are shorter and share prefixes, so more of them run.
        """
        if self.kv_cache_tokens is None:
            return None
        blocks_each = -(-self.shape.context_tokens // BLOCK_TOKENS)
        return self.kv_cache_tokens // (blocks_each * BLOCK_TOKENS)

    def rows(self) -> list[PlanRow]:
        """The rows of the plan's table, with units and explanations."""
        shape = self.shape
        rows = [
            PlanRow(
                "Parameters",
                f"{shape.parameters / 1e9:.1f} billion"
                if shape.parameters >= 1e8
                else f"{shape.parameters:,}",
                f"{shape.architecture}, {shape.layers} layers, "
                f"{'tied' if shape.tied_embeddings else 'separate'} embeddings",
            ),
            PlanRow(
                "Weights",
                _gb(self.weight_bytes),
                f"{self.weight_bytes / _GIB:.3g} GiB in total",
            ),
            PlanRow(
                "Weights per GPU",
                _gb(self.weight_bytes_per_gpu),
                f"at tensor-parallel size {self.tensor_parallel_size}",
            ),
            PlanRow(
                "KV cache per token",
                _kib(self.kv_cache_bytes_per_token),
                f"{_kib(self.kv_cache_bytes_per_token_per_gpu)} on each GPU; {shape.kv_heads} KV "
                f"head{'s' if shape.kv_heads > 1 else ''} of {shape.head_dim}",
            ),
            PlanRow(
                "Tensor-parallel sizes",
                listed(tensor_parallel_sizes(shape)),
                f"{shape.attention_heads} attention heads are split evenly",
            ),
        ]
        return rows + self._memory_rows()

    def _memory_rows(self) -> list[PlanRow]:
        if self.kv_cache_bytes_per_gpu is None:
            unknown = "give the memory of one GPU"
            return [PlanRow("Full-length trajectories at once", "unknown", unknown)]
        return [
            PlanRow(
                "KV cache per GPU",
                f"{self.kv_cache_bytes_per_gpu / _GIB:.1f} GiB",
                f"{self.gpu_memory_utilization:.0%} of {self.gpu_memory_gib:g} GiB, less the "
                f"weights and an assumed {RUNTIME_RESERVE_GIB:g} GiB for the engine itself",
            ),
            PlanRow(
                "Full-length trajectories at once",
                f"{self.full_length_trajectories:,}",
                f"of {self.shape.context_tokens:,} tokens each; {self.kv_cache_tokens:,} tokens "
                "of KV cache",
            ),
        ]


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
        ModelConfigError: The weights are quantised, so their size is unknown.
    """
    check_tensor_parallel_size(shape, tensor_parallel_size)
    if shape.quantization is not None:
        raise ModelConfigError(
            f"The weights of this {shape.architecture} are quantised ({shape.quantization}): "
            "its config does not say how much memory they take."
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
    fitting = tuple(
        other
        for other in tensor_parallel_sizes(shape)
        if planned.model_copy(update={"tensor_parallel_size": other}).full_length_trajectories
    )
    return f"This {shape.architecture} does not fit: {problem}. {suggestion(fitting)}"


def _kib(count_bytes: int) -> str:
    return f"{count_bytes / 1024:g} KiB"


def _gb(count_bytes: int) -> str:
    """Decimal gigabytes, as is usual for weights."""
    gigabytes = count_bytes / 1e9
    return f"{gigabytes:.0f} GB" if gigabytes >= 10 else f"{gigabytes:.2g} GB"
