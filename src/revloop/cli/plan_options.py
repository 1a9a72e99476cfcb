"""The options of ``revloop plan``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from revloop.cli.stores import tell_if_in_two_files
from revloop.planning import Assumptions, Platform, card_names

_HARDWARE, _JOB, _ASSUMED = "Hardware", "A whole job", "Assumed"
_DEFAULT = Assumptions()

Model = Annotated[
    str,
    typer.Argument(
        help="Model folder or hub id; weights are not needed. demo: the critic that ships."
    ),
]
TensorParallelSize = Annotated[
    int | None,
    typer.Option(
        "--tensor-parallel-size",
        "-tp",
        min=1,
        help="GPUs that share the model. Else: 1; for a job, the fastest.",
        rich_help_panel=_HARDWARE,
    ),
]
GpuMemoryGib = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=100_000,
        help="Memory of one GPU, in GiB. Else: that of --gpu.",
        metavar="GIB",
        rich_help_panel=_HARDWARE,
    ),
]
Gpu = Annotated[
    str | None,
    typer.Option(help=f"Kind of GPU: {card_names()}.", metavar="NAME", rich_help_panel=_HARDWARE),
]
Gpus = Annotated[
    int | None, typer.Option(min=1, max=10**6, help="GPUs in all.", rich_help_panel=_HARDWARE)
]
GpusPerNode = Annotated[
    int | None,
    typer.Option(min=1, max=1024, help="GPUs in one server. Else: 8.", rich_help_panel=_HARDWARE),
]
Drafts = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=10**12,
        help="Plan a job of so many drafts: how long it takes.",
        rich_help_panel=_JOB,
    ),
]
Iterations = Annotated[
    int,
    typer.Option(
        "--iterations", "-n", min=1, max=1000, help="Rounds for each.", rich_help_panel=_JOB
    ),
]
LengthsFrom = Annotated[
    Path | None,
    typer.Option(
        help="Version store to take mean lengths and rounds from.",
        callback=tell_if_in_two_files,
        metavar="STORE",
        rich_help_panel=_JOB,
    ),
]
PromptTokens = Annotated[
    float | None,
    typer.Option(
        min=1,
        help="Mean length of a prompt, the prompt set's words included. Else: 50.",
        rich_help_panel=_JOB,
    ),
]
CritiqueTokens = Annotated[
    float | None,
    typer.Option(min=1, help="Mean length of a critique. Else: 150.", rich_help_panel=_JOB),
]
RevisionTokens = Annotated[
    float | None,
    typer.Option(
        min=1, help="Mean length of a response or revision. Else: 300.", rich_help_panel=_JOB
    ),
]
Emit = Annotated[
    Platform | None,
    typer.Option(
        help="Print a worked example that serves the model on these GPUs.",
        rich_help_panel=_JOB,
    ),
]
FlopsShare = Annotated[
    float | None,
    typer.Option(
        help=f"Share of the FLOP/s that is reached. Else: {_DEFAULT.flops_share:g}.",
        rich_help_panel=_ASSUMED,
    ),
]
BandwidthShare = Annotated[
    float | None,
    typer.Option(
        help=f"Share of the bandwidth that is reached. Else: {_DEFAULT.bandwidth_share:g}.",
        rich_help_panel=_ASSUMED,
    ),
]
TensorParallelShare = Annotated[
    float | None,
    typer.Option(
        help="Speed kept when the tensor-parallel size doubles. "
        f"Else: {_DEFAULT.tensor_parallel_share:g}.",
        rich_help_panel=_ASSUMED,
    ),
]
PipelineShare = Annotated[
    float | None,
    typer.Option(
        help=f"Speed kept in a pipeline over nodes. Else: {_DEFAULT.pipeline_share:g}.",
        rich_help_panel=_ASSUMED,
    ),
]
MaxNumSeqs = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=10**6,
        help=f"Drafts at once on one replica. Else: {_DEFAULT.max_num_seqs:g}.",
        rich_help_panel=_ASSUMED,
    ),
]
GpuMemoryUtilization = Annotated[
    float | None,
    typer.Option(
        help=f"Share of the memory that vLLM may use. Else: {_DEFAULT.gpu_memory_utilization:g}.",
        rich_help_panel=_ASSUMED,
    ),
]
