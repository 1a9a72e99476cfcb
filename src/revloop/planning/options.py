"""What to plan: the hardware, and the job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from revloop.options import DEFAULT_ITERATIONS, Flag, Options
from revloop.planning.cards import card_names
from revloop.planning.emit import Platform


class ClusterOptions(Options):
    """The GPUs, and how the model is split over them."""

    panel: ClassVar[str] = "Hardware"

    tensor_parallel_size: Annotated[int | None, Flag(short="-tp", metavar="N")] = Field(
        default=None,
        ge=1,
        description="GPUs that share the model; by default 1, and for a job the fastest size.",
    )
    gpu_memory_gib: Annotated[float | None, Flag(metavar="GIB")] = Field(
        default=None, gt=0, le=100_000, description="Memory of one GPU; by default, that of --gpu."
    )
    gpu: Annotated[str | None, Flag(metavar="NAME")] = Field(
        default=None, description=f"GPU model: {card_names()}."
    )
    gpus: Annotated[int | None, Flag(metavar="N")] = Field(
        default=None, ge=1, le=10**6, description="Number of GPUs."
    )
    gpus_per_node: Annotated[int | None, Flag(metavar="N")] = Field(
        default=None, ge=1, le=1024, description="GPUs in one server; by default, the card's usual."
    )


class JobOptions(Options):
    """The job to plan, if any."""

    panel: ClassVar[str] = "Job"

    drafts: Annotated[int | None, Flag(metavar="N")] = Field(
        default=None, ge=1, le=10**12, description="Plan a job of this many drafts."
    )
    iterations: Annotated[int, Flag(short="-n", metavar="N")] = Field(
        default=DEFAULT_ITERATIONS, ge=1, le=1000, description="Rounds of each draft."
    )
    lengths_from: Annotated[Path | None, Flag(metavar="STORE")] = Field(
        default=None, description="Version store to measure mean lengths and rounds in."
    )
    emit: Platform | None = Field(
        default=None, description="Print a complete example that serves the model on these GPUs."
    )
