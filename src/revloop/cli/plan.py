"""``revloop plan``: what a model needs, from its config alone, and how long a job takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import typer
from pydantic import ValidationError

from revloop.cli import output, plan_options
from revloop.cli.options import model_folder
from revloop.cli.tables import print_pairs
from revloop.errors import InputError
from revloop.files.paths import check_paths, standard_output
from revloop.models.config import read_shape
from revloop.options import DEFAULT_ITERATIONS
from revloop.planning import (
    Assumptions,
    Card,
    Job,
    JobPlan,
    PlanRow,
    Platform,
    TokenLengths,
    card_named,
    job_rows,
    plan_job,
)
from revloop.planning import emit as make_example
from revloop.planning import plan as make_plan
from revloop.store import Store
from revloop.values import Frozen, explain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

EXAMPLE = (
    "Example: `revloop plan tiiuae/falcon-40b-instruct -tp 4 --gpu-memory-gib 80`, "
    "`revloop plan tiiuae/falcon-40b-instruct --drafts 1000000 --gpu h100 --gpus 16`"
)
_LARGE_JOB_DRAFTS = 1_000_000

Model = TypeVar("Model", bound=Frozen)


def plan(
    model: plan_options.Model,
    tensor_parallel_size: plan_options.TensorParallelSize = None,
    gpu_memory_gib: plan_options.GpuMemoryGib = None,
    gpu: plan_options.Gpu = None,
    gpus: plan_options.Gpus = None,
    gpus_per_node: plan_options.GpusPerNode = None,
    drafts: plan_options.Drafts = None,
    iterations: plan_options.Iterations = DEFAULT_ITERATIONS,
    lengths_from: plan_options.LengthsFrom = None,
    prompt_tokens: plan_options.PromptTokens = None,
    critique_tokens: plan_options.CritiqueTokens = None,
    revision_tokens: plan_options.RevisionTokens = None,
    emit: plan_options.Emit = None,
    flops_share: plan_options.FlopsShare = None,
    bandwidth_share: plan_options.BandwidthShare = None,
    tensor_parallel_share: plan_options.TensorParallelShare = None,
    pipeline_share: plan_options.PipelineShare = None,
    max_num_seqs: plan_options.MaxNumSeqs = None,
    gpu_memory_utilization: plan_options.GpuMemoryUtilization = None,
) -> None:
    """Print what a model needs on each GPU; with --drafts, how long a whole job takes."""
    check_paths([standard_output()], {"the model": model, "the store": lengths_from})
    model = model_folder(model)
    card = None if gpu is None else _card(gpu, gpu_memory_gib)
    assumptions = _changed(
        Assumptions(),
        flops_share=flops_share,
        bandwidth_share=bandwidth_share,
        tensor_parallel_share=tensor_parallel_share,
        pipeline_share=pipeline_share,
        max_num_seqs=max_num_seqs,
        gpu_memory_utilization=gpu_memory_utilization,
    )
    if drafts is None and emit is None:
        memory_gib = gpu_memory_gib if card is None else card.memory_gib
        planned = make_plan(
            read_shape(model),
            tensor_parallel_size or 1,
            gpu_memory_gib=memory_gib,
            gpu_memory_utilization=assumptions.gpu_memory_utilization,
        )
        _print(planned.rows())
        return
    if card is None or gpus is None:
        raise typer.BadParameter("Name the hardware too: --gpu and --gpus.")
    lengths = _changed(
        _lengths(lengths_from),
        prompt_tokens=prompt_tokens,
        critique_tokens=critique_tokens,
        revision_tokens=revision_tokens,
    )
    job = Job(drafts=drafts or _LARGE_JOB_DRAFTS, iterations=iterations, lengths=lengths)
    planned_job = plan_job(
        read_shape(model),
        card,
        gpus,
        job,
        assumptions=assumptions,
        tensor_parallel_size=tensor_parallel_size,
        gpus_per_node=gpus_per_node,
    )
    _show(planned_job, model, emit)


def _show(planned: JobPlan, model: str, platform: Platform | None) -> None:
    if platform is None:
        _print(job_rows(planned))
    else:
        output.results.print(make_example(platform, model, planned), end="")


def _card(name: str, memory_gib: float | None) -> Card:
    """The card of a name, with the memory that the user knows better, if any."""
    card = card_named(name)
    return card if memory_gib is None else _changed(card, memory_gb=memory_gib * 2**30 / 1e9)


def _lengths(store: Path | None) -> TokenLengths:
    if store is None:
        return TokenLengths()
    with Store.open_to_read(store) as opened:
        return TokenLengths.of(opened.contents())


def _changed(model: Model, **given: object) -> Model:
    """A model with those values changed that were given.

    Raises:
        InputError: A value makes no sense.
    """
    named: Mapping[str, object] = {name: v for name, v in given.items() if v is not None}
    try:
        return type(model).model_validate({**model.model_dump(), **named})
    except ValidationError as exc:
        raise InputError(f"An option cannot be used: {explain(exc)}.") from exc


def _print(rows: Iterable[PlanRow]) -> None:
    print_pairs((row.label, row.value, row.explanation) for row in rows)
