"""What a plan assumes beyond a config and a data sheet."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from revloop.options import Flag, Options
from revloop.planning.deployment import GPU_MEMORY_UTILIZATION


class Assumptions(Options):
    """What a data sheet does not say. revloop has measured none of the defaults."""

    panel: ClassVar[str] = "Assumptions"

    flops_share: Annotated[float, Flag(metavar="SHARE")] = Field(
        0.5,
        ge=0.01,
        le=1,
        description="Share of the card's FLOP/s that is reached. Pope et al. reached 0.76 with "
        "large batches and code tuned for one model.",
    )
    bandwidth_share: Annotated[float, Flag(metavar="SHARE")] = Field(
        0.7, ge=0.01, le=1, description="Share of the card's memory bandwidth that is reached."
    )
    tensor_parallel_share: Annotated[float, Flag(metavar="SHARE")] = Field(
        0.9,
        ge=0.01,
        le=1,
        description="Speed that each GPU keeps at each doubling of the tensor-parallel size, given "
        "the all-reduces after each layer. For cards with NVLink; lower without.",
    )
    pipeline_share: Annotated[float, Flag(metavar="SHARE")] = Field(
        0.8,
        ge=0.01,
        le=1,
        description="Speed that each GPU keeps in a pipeline over several nodes.",
    )
    max_num_seqs: Annotated[int, Flag(metavar="N")] = Field(
        256,
        ge=1,
        le=10**6,
        description="Sequences that one replica runs at once: vLLM's option of this name.",
    )
    max_model_len: Annotated[int | None, Flag(metavar="N")] = Field(
        None,
        ge=1,
        description="Longest sequence to serve, in tokens: vLLM's option of this name; by default, "
        "the model's context, or what a job needs if that does not fit into a node.",
    )
    gpu_memory_utilization: Annotated[float, Flag(metavar="SHARE")] = Field(
        GPU_MEMORY_UTILIZATION, ge=0.01, le=1, description="Share of the memory that vLLM may use."
    )
