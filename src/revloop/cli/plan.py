"""``revloop plan``: what a model needs, from its config alone, and how long a job takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from revloop.cli import output
from revloop.cli.files import model_folder
from revloop.cli.generated import with_options
from revloop.cli.stores import tell_if_in_two_files
from revloop.cli.tables import print_pairs
from revloop.files.paths import check_paths, standard_output
from revloop.models.config import read_shape
from revloop.planning import (
    Assumptions,
    Card,
    ClusterOptions,
    Job,
    JobOptions,
    PlanRow,
    TokenLengths,
    card_named,
    deployment_rows,
    job_rows,
    plan_job,
)
from revloop.planning import emit as make_example
from revloop.planning import plan as make_plan
from revloop.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

EXAMPLE = (
    "Example: `revloop plan tiiuae/falcon-40b-instruct -tp 4 --gpu h100`, "
    "`revloop plan tiiuae/falcon-40b-instruct --drafts 1000000 --gpu h100 --gpus 16`"
)
_LARGE_JOB_DRAFTS = 1_000_000


@with_options(cluster=ClusterOptions, job=JobOptions, lengths=TokenLengths, assumptions=Assumptions)
def plan(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(
            help="Model folder or hub id; weights are not needed. demo: the shipped critic."
        ),
    ],
    cluster: ClusterOptions,
    job: JobOptions,
    lengths: TokenLengths,
    assumptions: Assumptions,
) -> None:
    """Print what a model needs on each GPU; with --drafts, how long a whole job takes."""
    check_paths([standard_output()], {"the model": model, "the store": job.lengths_from})
    tell_if_in_two_files(context, job.lengths_from)
    model = model_folder(model)
    card = None if cluster.gpu is None else _card(cluster.gpu, cluster.gpu_memory_gib)
    if job.drafts is None and job.emit is None:
        planned = make_plan(
            read_shape(model).limited_to(assumptions.max_model_len),
            cluster.tensor_parallel_size or 1,
            gpu_memory_gib=cluster.gpu_memory_gib if card is None else card.memory_gib,
            gpu_memory_utilization=assumptions.gpu_memory_utilization,
        )
        _print(deployment_rows(planned))
        return
    if card is None or cluster.gpus is None:
        raise typer.BadParameter("Name the hardware too: --gpu and --gpus.")
    planned_job = plan_job(
        read_shape(model),
        card,
        cluster.gpus,
        Job(
            drafts=job.drafts or _LARGE_JOB_DRAFTS,
            iterations=job.iterations,
            lengths=_lengths(job.lengths_from).model_copy(update=lengths.given),
        ),
        assumptions=assumptions,
        tensor_parallel_size=cluster.tensor_parallel_size,
        gpus_per_node=cluster.gpus_per_node,
    )
    if job.emit is None:
        _print(job_rows(planned_job))
    else:
        output.results.print(make_example(job.emit, model, planned_job), end="")


def _card(name: str, memory_gib: float | None) -> Card:
    """The card of a name, with the user's figure of its memory, if any."""
    card = card_named(name)
    if memory_gib is None:
        return card
    return card.model_copy(update={"memory_gib": memory_gib})


def _lengths(store: Path | None) -> TokenLengths:
    if store is None:
        return TokenLengths()
    with Store.open_to_read(store) as opened:
        return TokenLengths.of(opened.contents())


def _print(rows: Iterable[PlanRow]) -> None:
    print_pairs((row.label, row.value, row.explanation) for row in rows)
