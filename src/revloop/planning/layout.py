"""Lay a model out over many GPUs: tensor-parallel replicas, each within a node.

If the model does not fit into a node, its layers are divided over several (pipeline parallelism),
as vLLM recommends (https://docs.vllm.ai/en/latest/serving/parallelism_scaling/).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PositiveInt

from revloop.errors import DoesNotFitError
from revloop.models.kv_cache import BLOCK_TOKENS
from revloop.models.parallelism import check_tensor_parallel_size, tensor_parallel_sizes
from revloop.planning.deployment import GPU_MEMORY_UTILIZATION, DeploymentPlan, plan
from revloop.values import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from revloop.models.shape import ModelShape


class Layout(Frozen):
    """How a model is placed on the GPUs of a cluster.

    Attributes:
        gpus: GPUs in the cluster.
        gpus_per_node: GPUs in one server.
        tensor_parallel_size: GPUs of one node that share each layer.
        pipeline_parallel_size: Nodes that share the layers of one replica; 1 if a replica fits
            into a node.
        stage: The plan of a replica's fullest GPU.
    """

    gpus: PositiveInt
    gpus_per_node: PositiveInt
    tensor_parallel_size: PositiveInt
    pipeline_parallel_size: PositiveInt = 1
    stage: DeploymentPlan

    @property
    def replicas_per_node(self) -> int:
        """Replicas on a full node; 0 if one takes several nodes."""
        if self.pipeline_parallel_size > 1:
            return 0
        return self.gpus_per_node // self.tensor_parallel_size

    @property
    def replicas(self) -> int:
        """Replicas on all GPUs; only a pipeline spans nodes."""
        full_nodes, rest = divmod(self.gpus, self.gpus_per_node)
        if self.pipeline_parallel_size > 1:
            return full_nodes // self.pipeline_parallel_size
        return full_nodes * self.replicas_per_node + rest // self.tensor_parallel_size

    @property
    def nodes(self) -> int:
        """Servers in use."""
        if self.pipeline_parallel_size > 1:
            return self.replicas * self.pipeline_parallel_size
        return -(-self.replicas // self.replicas_per_node)

    @property
    def idle_gpus(self) -> int:
        """GPUs that hold no replica."""
        each = self.tensor_parallel_size * self.pipeline_parallel_size
        return self.gpus - self.replicas * each


def layouts(
    shape: ModelShape,
    gpus: int,
    *,
    gpu_memory_gib: float,
    gpus_per_node: int = 8,
    tensor_parallel_size: int | None = None,
    gpu_memory_utilization: float = GPU_MEMORY_UTILIZATION,
    enough_tokens: int | None = None,
) -> list[Layout]:
    """All sensible layouts of a model: one for each tensor-parallel size that fits into a node.

    Args:
        shape: The model.
        gpus: GPUs in the cluster.
        gpu_memory_gib: Memory of one GPU.
        gpus_per_node: GPUs in one server.
        tensor_parallel_size: The only size to consider, or None for all that vLLM accepts.
        gpu_memory_utilization: The share of the memory that vLLM may use.
        enough_tokens: A context that suffices: used if the full one does not fit into a node.

    Raises:
        DoesNotFitError: vLLM refuses the size, or the GPUs together cannot hold the model.
        ModelConfigError: The weights are quantised by an unknown method and not in the folder.
    """
    sizes = _sizes(shape, min(gpus, gpus_per_node), tensor_parallel_size)

    def place(shape: ModelShape) -> list[Layout]:
        return _place(
            shape,
            gpus,
            gpus_per_node,
            sizes,
            gpu_memory_gib=gpu_memory_gib,
            gpu_memory_utilization=gpu_memory_utilization,
        )

    found = place(shape)
    if enough_tokens is not None and not any(map(_is_in_a_node, found)):
        shorter = place(shape.limited_to(min(enough_tokens, shape.context_tokens)))
        found = list(filter(_is_in_a_node, shorter)) or found or shorter
    if found:
        return found
    where = f"on {gpus} GPU(s) of {gpu_memory_gib:.3g} GiB"
    if place(shape.limited_to(min(BLOCK_TOKENS, shape.context_tokens))):
        raise DoesNotFitError(
            f"This {shape.architecture} fits {where}, but no sequence of its "
            f"{shape.context_tokens:,} tokens of context does: serve shorter ones with "
            "--max-model-len, or use more GPUs."
        )
    raise DoesNotFitError(
        f"This {shape.architecture} does not fit {where}, {gpus_per_node} to a node: its weights "
        f"take {shape.weight_bytes(2) / 2**30:.3g} GiB. Use more GPUs, or larger ones."
    )


def _is_in_a_node(layout: Layout) -> bool:
    return layout.pipeline_parallel_size == 1


def _place(
    shape: ModelShape,
    gpus: int,
    gpus_per_node: int,
    sizes: tuple[int, ...],
    *,
    gpu_memory_gib: float,
    gpu_memory_utilization: float,
) -> list[Layout]:
    """The layouts within a node, or over the fewest nodes; empty if none fits."""

    def fitting(stages: int, sizes: tuple[int, ...]) -> Iterator[Layout]:
        # the layers of the fullest stage, with both embeddings: an upper bound
        part = shape.part(stages)
        for size in sizes:
            try:
                held = plan(
                    part,
                    size,
                    gpu_memory_gib=gpu_memory_gib,
                    gpu_memory_utilization=gpu_memory_utilization,
                )
            except DoesNotFitError:
                continue
            yield Layout(
                gpus=gpus,
                gpus_per_node=gpus_per_node,
                tensor_parallel_size=size,
                pipeline_parallel_size=stages,
                stage=held,
            )

    found = list(fitting(1, sizes))
    most_stages = min(gpus // gpus_per_node, shape.layers)
    for stages in range(2, most_stages + 1):
        if found:
            break
        found = list(fitting(stages, sizes[-1:]))
    return found


def _sizes(shape: ModelShape, largest: int, wanted: int | None) -> tuple[int, ...]:
    if wanted is None:
        return tuple(size for size in tensor_parallel_sizes(shape) if size <= largest)
    check_tensor_parallel_size(shape, wanted)
    if wanted > largest:
        raise DoesNotFitError(
            f"Tensor-parallel size {wanted} takes {wanted} GPUs of one node, which has {largest}."
        )
    return (wanted,)
