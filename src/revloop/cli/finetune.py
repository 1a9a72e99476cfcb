"""``revloop finetune``: from feedback records to a critic."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import typer

from revloop.cli import exit_codes, output, streams
from revloop.cli import finetune_options as options
from revloop.cli.finetune_display import live_line
from revloop.cli.options import model_folder
from revloop.cli.tables import print_pairs
from revloop.errors import InputError
from revloop.finetune import (
    FinetuneSettings,
    Hardware,
    Recipe,
    with_changes,
)
from revloop.finetune import check as check_finetune
from revloop.finetune import finetune as run_finetune
from revloop.finetune import plan as plan_finetune
from revloop.finetune.examples import summary
from revloop.finetune.launch import accelerate_config_file, launch_command, launched_hardware

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.finetune import TrainingPlan

EXAMPLE = (
    "Example: `revloop finetune records.jsonl --recipe falcon-40b-instruct --output critic-run "
    "--accelerate-config fsdp-8`"
)


def finetune(
    records: options.Records,
    base: options.Base = None,
    run_folder: options.RunFolder = None,
    recipe: options.Recipe = None,
    validation: options.Validation = None,
    resume: options.Resume = False,
    dry_run: options.DryRun = False,
    method: options.Method = None,
    precision: options.Precision = None,
    prompts: options.Prompts = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    micro_batch_size: options.MicroBatchSize = None,
    learning_rate: options.LearningRate = None,
    max_tokens: options.MaxTokens = None,
    packing: options.Packing = None,
    seed: options.Seed = None,
    accelerate_config: options.AccelerateConfig = None,
    gpus: options.Gpus = None,
    gpu_memory_gib: options.GpuMemoryGib = None,
) -> None:
    """Train a critic on feedback records, and write a model folder that can be served.

    Each option beats the recipe's setting. The folder of the critic goes to standard output.
    """
    chosen = Recipe() if recipe is None else Recipe.load(recipe)
    base = base or chosen.base
    if base is None:
        raise InputError("Name the model to start from: --base, or a --recipe that has one.")
    base = model_folder(base)
    settings = with_changes(
        chosen.settings,
        method=method,
        precision=precision,
        prompts=prompts,
        epochs=epochs,
        batch_size=batch_size,
        micro_batch_size=micro_batch_size,
        learning_rate=learning_rate,
        max_tokens=max_tokens,
        packing=packing,
        seed=seed,
    )
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
        # here, since a refusal by each of eight processes is eight times harder to read
        check_finetune(
            *(records, base, run_folder, settings),
            validation=validation,
            resume=resume,
            hardware=launched,
        )
        _launch(config)
    _train(records, base, run_folder, settings, validation=validation, resume=resume)


def _train(
    records: Path,
    base: str,
    run_folder: Path,
    settings: FinetuneSettings,
    *,
    validation: Path | None,
    resume: bool,
) -> None:
    # each process of a launch runs this; one of them speaks
    output.progress.quiet = output.results.quiet = os.environ.get("RANK", "0") != "0"
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
        if output.progress.quiet:
            return
        output.say(f"Stopped after step {result.steps}, which is saved. Add --resume to go on.")
        raise typer.Exit(exit_codes.INTERRUPTED)
    loss = result.validation_loss
    held_out = "" if loss is None else f"; lowest loss on held-out records: {loss:.4f}"
    output.say(f"Steps: {result.steps}{held_out}. Curves: {run_folder / 'curves.png'}")
    output.results.print(str(result.model))


def _launch(config: Path) -> None:
    """Become the launcher: signals and the exit code are then its own."""
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
        told = f" ({left_out})" if side.left_out else ""
        output.say(f"{name}: {side.records} records, {side.target_tokens:,} target tokens{told}")
    output.say(
        f"precision: {job.settings.precision}; memory: {planned.estimate.total_gib:.1f} GiB "
        f"estimated; steps: {job.steps}"
    )


def _show(planned: TrainingPlan) -> None:
    """Print a plan, and refuse it if it does not fit."""
    job, sized = planned.job, planned.estimate
    memory = sized.hardware.memory_gib
    rows = [
        ("Base", f"{job.base.model}, {job.base.anatomy.parameters:,} parameters"),
        ("Training records", _described(job.training.records, job.training.left_out)),
        ("Validation records", _described(job.validation.records, job.validation.left_out)),
        ("Longest example", f"{job.training.longest_tokens:,} tokens"),
        ("Steps", f"{job.steps:,} of {job.settings.batch_size} records"),
        ("Precision", str(job.settings.precision)),
        ("Trained parameters", f"{sized.trained_parameters:,}"),
        ("Processes", f"{sized.hardware.processes}{', sharded' * sized.hardware.sharded}"),
        *((f"Memory: {name}", f"{gib:.2f} GiB") for name, gib in sized.parts()),
        ("Memory in all", f"{sized.total_gib:.2f} GiB estimated for each process"),
        ("Memory there is", "not named" if memory is None else f"{memory:.1f} GiB"),
    ]
    print_pairs((name, "", value) for name, value in rows)
    sized.check()


def _described(records: int, left_out: tuple[str, ...]) -> str:
    return f"{records:,}; {len(left_out)} left out{summary(left_out)}" if left_out else f"{records}"
