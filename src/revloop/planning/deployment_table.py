"""A deployment plan as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from revloop.models.parallelism import listed, tensor_parallel_sizes
from revloop.planning.deployment import RUNTIME_RESERVE_GIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from revloop.models.shape import ModelShape
    from revloop.planning.deployment import DeploymentPlan

_GIB = 2**30


class PlanRow(NamedTuple):
    """One line of a plan's table."""

    label: str
    value: str
    explanation: str


def deployment_rows(planned: DeploymentPlan) -> list[PlanRow]:
    """The rows of the plan's table, with units and explanations."""
    shape = planned.shape
    return [
        *_parameter_rows(shape),
        *_weight_rows(planned),
        *_cache_rows(planned),
        PlanRow(
            "Tensor-parallel sizes",
            listed(tensor_parallel_sizes(shape)),
            f"{shape.attention_heads} attention heads are split evenly",
        ),
        *_memory_rows(planned),
    ]


def _parameter_rows(shape: ModelShape) -> Iterator[PlanRow]:
    embeddings = "tied" if shape.tied_embeddings else "separate"
    explanation = f"{shape.architecture}, {shape.layers} layers, {embeddings} embeddings"
    if shape.vision_parameters:
        explanation += f"; {_count(shape.vision_parameters)} read images"
    yield PlanRow("Parameters", _count(shape.parameters), explanation)
    if shape.has_experts:
        yield PlanRow("Active parameters", _count(shape.active_parameters), _experts(shape))


def _experts(shape: ModelShape) -> str:
    """Which experts a token uses."""
    layers = sum(each.count for each in shape.stack if each.layer.feed_forward.experts > 1)
    largest = max((each.layer.feed_forward for each in shape.stack), key=lambda ffn: ffn.experts)
    shared = ", and shared ones" if largest.has_shared else ""
    dense = shape.layers - layers
    rest = f"; {dense} dense layer{'s' if dense > 1 else ''}" if dense else ""
    picked = f"a token uses {largest.used} of {largest.experts} experts"
    return f"embeddings included; {picked}{shared}{rest}"


def _weight_rows(planned: DeploymentPlan) -> Iterator[PlanRow]:
    shape = planned.shape
    explanation = f"{planned.weight_bytes / _GIB:.3g} GiB in total"
    if shape.weights_are_stored(planned.value_bytes):
        explanation += ", by the files in the folder"
    yield PlanRow("Weights", _gb(planned.weight_bytes), explanation)
    if shape.quantization is not None:
        how = "unknown" if shape.quantization.scheme is None else str(shape.quantization.scheme)
        yield PlanRow("Quantisation", shape.quantization.method, how)
    yield PlanRow(
        "Weights per GPU",
        _gb(planned.weight_bytes_per_gpu),
        f"at tensor-parallel size {planned.tensor_parallel_size}",
    )


def _cache_rows(planned: DeploymentPlan) -> Iterator[PlanRow]:
    shape = planned.shape
    yield PlanRow(
        "KV cache per token",
        _kib(planned.kv_cache_bytes_per_token),
        f"{_kib(planned.kv_cache_bytes_per_token_per_gpu)} on each GPU; {shape.attention}"
        + (", in fp8" if planned.kv_value_bytes == 1 else ""),
    )
    windows = {each.window: count for each, count in shape.attentions.items() if each.window}
    if windows:
        local = ", ".join(f"{n} layers keep {window:,} tokens" for window, n in windows.items())
        tokens = shape.context_tokens
        mib = planned.kv_cache_bytes_per_sequence(tokens) / 2**20
        yield PlanRow(
            "KV cache per sequence",
            f"{mib:,.0f} MiB",
            f"on each GPU, of {tokens:,} tokens: {local}",
        )


def _memory_rows(planned: DeploymentPlan) -> list[PlanRow]:
    if planned.kv_cache_bytes_per_gpu is None:
        unknown = "give the memory of one GPU"
        return [PlanRow("Full-length trajectories at once", "unknown", unknown)]
    return [
        PlanRow(
            "KV cache per GPU",
            f"{planned.kv_cache_bytes_per_gpu / _GIB:.1f} GiB",
            f"{planned.gpu_memory_utilization:.0%} of {planned.gpu_memory_gib:g} GiB, less the "
            f"weights and an assumed {RUNTIME_RESERVE_GIB:g} GiB for the engine itself",
        ),
        PlanRow(
            "Full-length trajectories at once",
            f"{planned.full_length_trajectories:,}",
            f"of {planned.shape.context_tokens:,} tokens each; {planned.kv_cache_tokens:,} tokens "
            "of KV cache",
        ),
    ]


def _count(parameters: int) -> str:
    return f"{parameters / 1e9:.1f} billion" if parameters >= 1e8 else f"{parameters:,}"


def _kib(count_bytes: int) -> str:
    return f"{count_bytes / 1024:g} KiB"


def _gb(count_bytes: int) -> str:
    """Decimal gigabytes, as is usual for weights."""
    gigabytes = count_bytes / 1e9
    return f"{gigabytes:.0f} GB" if gigabytes >= 10 else f"{gigabytes:.2g} GB"
