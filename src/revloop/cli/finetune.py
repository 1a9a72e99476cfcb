"""``revloop finetune``: from feedback records to a critic."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer
from pydantic import Field

from revloop.cli import exit_codes, output, streams
from revloop.cli.files import model_folder
from revloop.cli.finetune_display import live_line
from revloop.cli.generated import with_options
from revloop.cli.tables import print_pairs
from revloop.errors import InputError
from revloop.finetune import (
    FinetuneSettings,
    Hardware,
    LoraSettings,
    Recipe,
    shipped_recipes,
    with_changes,
)
from revloop.finetune import check as check_finetune
from revloop.finetune import finetune as run_finetune
from revloop.finetune import plan as plan_finetune
from revloop.finetune.examples import summary
from revloop.finetune.launch import (
    LAUNCH_OPTION,
    accelerate_config_file,
    launch_command,
    launched_hardware,
)
from revloop.options import Flag, Options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from revloop.finetune import TrainingPlan
    from revloop.finetune.examples import Examples

EXAMPLE = (
    "Example: `revloop finetune records.jsonl --recipe falcon-40b-instruct --output critic-run "
    "--accelerate-config fsdp-8`"
)


class TrainingSource(Options):
    """What training starts from."""

    panel: ClassVar[str] = "Source"

    recipe: Annotated[str | None, Flag(metavar="NAME|FILE")] = Field(
        default=None,
        description=f"Base and settings: {', '.join(shipped_recipes())}, or a YAML file.",
    )
    base: Annotated[str | None, Flag(metavar="NAME|DIR")] = Field(
        default=None,
        description="Model folder or hub id; demo: the shipped critic. By default the recipe's.",
    )
    validation: Annotated[Path | None, Flag(metavar="FILE")] = Field(
        default=None, description="JSONL file of held-out records; by default a share is held out."
    )


@with_options(source=TrainingSource, training=FinetuneSettings, lora=LoraSettings)
def finetune(
    records: Annotated[Path, typer.Argument(help="JSONL file of feedback records.")],
    source: TrainingSource,
    training: FinetuneSettings,
    lora: LoraSettings,
    run_folder: Annotated[
        Path | None, typer.Option("--output", help="Run folder; must be empty.", metavar="DIR")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume the run in --output.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything and print a plan; write nothing.")
    ] = False,
    accelerate_config: Annotated[
        str | None,
        typer.Option(
            LAUNCH_OPTION,
            help="Launch with accelerate: fsdp-8 (one machine, eight GPUs), or a file that "
            "`accelerate config` wrote.",
            metavar="NAME|FILE",
        ),
    ] = None,
    gpus: Annotated[
        int | None, typer.Option(min=1, help="With --dry-run: GPUs that share the model.")
    ] = None,
    gpu_memory_gib: Annotated[
        float | None,
        typer.Option(min=0, help="With --dry-run: memory of one GPU.", metavar="GIB"),
    ] = None,
) -> None:
    """Train a critic on feedback records, and write a model folder to serve.

    Each training option overrides the recipe's. The critic's folder is printed on standard output.
    """
    base, settings = _settings(source, training, lora)
    validation = source.validation
    if dry_run:
        hardware = _hardware(gpus, gpu_memory_gib)
        _show(plan_finetune(records, base, settings, validation=validation, hardware=hardware))
        return
    if gpus is not None or gpu_memory_gib is not None:
        raise InputError("--gpus and --gpu-memory-gib go with --dry-run.")
    if run_folder is None:
        raise InputError("Name a folder for the run: --output.")
    if accelerate_config is not None:
        config = accelerate_config_file(accelerate_config)
        launched = launched_hardware(config)
        # once, rather than in each launched process
        check_finetune(
            *(records, base, run_folder, settings),
            validation=validation,
            resume=resume,
            hardware=launched,
        )
        _launch(config)
    _train(records, base, run_folder, settings, validation=validation, resume=resume)


def _settings(
    source: TrainingSource, training: FinetuneSettings, lora: LoraSettings
) -> tuple[str, FinetuneSettings]:
    """The base, and the recipe's settings, overridden by the options."""
    chosen = Recipe() if source.recipe is None else Recipe.load(source.recipe)
    base = source.base or chosen.base
    if base is None:
        raise InputError("Name the model to start from: --base, or a --recipe that has one.")
    adapters = chosen.settings.lora.model_copy(update=lora.given)
    return model_folder(base), with_changes(chosen.settings, lora=adapters, **training.given)


def _train(
    records: Path,
    base: str,
    run_folder: Path,
    settings: FinetuneSettings,
    *,
    validation: Path | None,
    resume: bool,
) -> None:
    # every launched process runs this; only the first one prints
    is_first = os.environ.get("RANK", "0") == "0"
    if not is_first:
        output.progress.quiet = output.results.quiet = output.errors.quiet = True
    with live_line() as tell:
        result = run_finetune(
            records,
            base,
            run_folder,
            settings,
            validation=validation,
            resume=resume,
            on_plan=_tell_plan,
            on_step=tell,
        )
    if result.model is None:
        if not is_first:
            return
        output.say(f"Stopped after step {result.steps}, which is saved. Add --resume to continue.")
        raise typer.Exit(exit_codes.INTERRUPTED)
    loss = result.validation_loss
    held_out = "" if loss is None else f"; lowest validation loss: {loss:.4f}"
    curves = str(run_folder / "curves.png")
    message = f"Steps: {result.steps}{held_out}. Curves: {curves}"
    output.report(message, steps=result.steps, validation_loss=loss, curves=curves)
    output.results.print(str(result.model))


def _launch(config: Path) -> None:
    """Replace this process by the launcher, which handles signals and the exit code."""
    command = launch_command(config, sys.argv[1:])
    streams.flush()
    os.execv(command[0], command)  # noqa: S606 - no shell is involved


def _hardware(gpus: int | None, gpu_memory_gib: float | None) -> Hardware:
    here = Hardware.here()
    if gpus is None and gpu_memory_gib is None:
        return here
    processes = gpus or 1
    return Hardware(
        processes=processes, memory_gib=gpu_memory_gib, sharded=processes > 1, is_gpu=True
    )


def _tell_plan(planned: TrainingPlan) -> None:
    job = planned.job
    for side, name in ((job.training, "training"), (job.validation, "validation")):
        left_out = f"{len(side.left_out)} left out{summary(side.left_out)}"
        note = f" ({left_out})" if side.left_out else ""
        output.say(f"{name}: {side.records} records, {side.target_tokens:,} target tokens{note}")
    for known in _known_prompts(job.validation):
        output.say(f"warning: {known}")
    output.say(
        f"precision: {job.settings.precision}; memory: {planned.estimate.total_gib:.1f} GiB "
        f"estimated; steps: {job.steps}"
    )


def _known_prompts(held_out: Examples) -> Iterator[str]:
    """A warning that the validation loss says less than it seems to, if it does."""
    if held_out.known:
        yield (
            f"{held_out.known} validation records have prompts of training records, so their loss "
            "tells little about other prompts. `revloop records split` keeps prompts apart."
        )


def _show(planned: TrainingPlan) -> None:
    """Print a plan; raise an error if it does not fit."""
    job, sized = planned.job, planned.estimate
    memory = sized.hardware.memory_gib
    rows = [
        ("Base", f"{job.base.model}, {job.base.anatomy.parameters:,} parameters"),
        ("Training records", _described(job.training.records, job.training.left_out)),
        ("Validation records", _described(job.validation.records, job.validation.left_out)),
        *(("Warning", known) for known in _known_prompts(job.validation)),
        ("Longest example", f"{job.training.longest_tokens:,} tokens"),
        ("Steps", f"{job.steps:,} of {job.settings.batch_size} records"),
        ("Precision", str(job.settings.precision)),
        ("Trained parameters", f"{sized.trained_parameters:,}"),
        ("Processes", f"{sized.hardware.processes}{', sharded' * sized.hardware.sharded}"),
        *((f"Memory: {name}", f"{gib:.2f} GiB") for name, gib in sized.parts_gib.items()),
        ("Memory, total", f"{sized.total_gib:.2f} GiB estimated per process"),
        ("Memory available", "unknown" if memory is None else f"{memory:.1f} GiB"),
    ]
    print_pairs((name, "", value) for name, value in rows)
    sized.check()


def _described(records: int, left_out: tuple[str, ...]) -> str:
    return f"{records:,}; {len(left_out)} left out{summary(left_out)}" if left_out else f"{records}"
