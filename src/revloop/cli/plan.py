"""``revloop plan``: what a model needs, from its config alone."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from revloop.cli import output
from revloop.serving import plan as make_plan
from revloop.serving import read_shape

EXAMPLE = "Example: `revloop plan tiiuae/falcon-40b-instruct -tp 4 --gpu-memory-gib 80`"


def plan(
    model: Annotated[str, typer.Argument(help="Model folder or hub id; weights are not needed.")],
    tensor_parallel_size: Annotated[
        int, typer.Option("--tensor-parallel-size", "-tp", min=1, help="GPUs that share the model.")
    ] = 1,
    gpu_memory_gib: Annotated[
        float | None, typer.Option(min=0, help="Memory of one GPU, in GiB.", metavar="GIB")
    ] = None,
) -> None:
    """Print what a model needs on each GPU, and how many trajectories fit at once."""
    shape = read_shape(model)
    planned = make_plan(shape, tensor_parallel_size, gpu_memory_gib=gpu_memory_gib)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    for row in planned.rows():
        table.add_row(row.label, row.value, row.explanation)
    output.results.print(table)
