"""Fine-tune a critic: from a file of records to a model folder to serve."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from revloop.errors import InputError
from revloop.files.paths import Kind, Writes, check_paths
from revloop.finetune.base import Base
from revloop.finetune.curves import draw_curves
from revloop.finetune.examples import Encoder, Examples, divide, read_usable, summary
from revloop.finetune.export import export
from revloop.finetune.memory import Estimate, Hardware, estimate
from revloop.finetune.run_folder import Identity, RunFile, TrainingFolder, versions
from revloop.finetune.settings import FinetuneSettings, with_changes
from revloop.finetune.training import TrainingJob, check_launch, check_libraries, train
from revloop.prompts import PromptSet
from revloop.records import prompt_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from revloop.finetune.watch import TrainingStep


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """A fine-tuning that is ready to start.

    Attributes:
        job: The training.
        identity: Everything that decides the weights.
        records: The file of records.
        validation: The file of held-out records; None: a share of ``records`` is held out.
        estimate: The memory that it takes.
    """

    job: TrainingJob
    identity: Identity
    records: Path
    validation: Path | None
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class FinetuneResult:
    """The result of a fine-tuning.

    Attributes:
        folder: The run folder.
        model: The critic, a model folder to serve; None if the training was stopped early, or if
            another process writes it.
        steps: Steps done.
        validation_loss: The lowest loss on held-out records, in nats per token.
    """

    folder: Path
    model: Path | None
    steps: int
    validation_loss: float | None


def plan(
    records: str | Path,
    base: str,
    settings: FinetuneSettings | None = None,
    *,
    validation: str | Path | None = None,
    hardware: Hardware | None = None,
) -> TrainingPlan:
    """Prepare a fine-tuning up to the first step, without writing anything.

    Args:
        records: JSONL file of feedback records.
        base: Folder or hub id of the base model.
        settings: How to train; None: the defaults.
        validation: JSONL file of held-out records; None: a share of ``records``.
        hardware: The hardware; None: that of this process.

    Raises:
        InputError: No record is usable, or settings contradict each other.
        ModelConfigError: The base is not a causal model, or has no end token.
        MissingExtraError: A library is missing.
        PromptSetError: The prompt set cannot be used.
    """
    settings, hardware = settings or FinetuneSettings(), hardware or Hardware.here()
    if settings.precision is None:
        chosen = "bf16" if hardware.computes_bf16 else "fp32"
        settings = with_changes(settings, precision=chosen)
    records = Path(records)
    validation = None if validation is None else Path(validation)
    prompts = PromptSet.load(settings.prompts)
    inspected = Base.inspect(base)
    encoder = Encoder(
        prompts=prompts,
        tokenizer=inspected.tokenizer,
        end_id=inspected.end_id,
        max_tokens=_max_tokens(settings, inspected),
    )
    training, held_out = _examples(records, validation, settings, encoder)
    job = TrainingJob(inspected, settings, training, held_out, hardware)
    _ = job.accumulation_steps  # raises if the batch cannot be divided
    longest = max(training.longest_tokens, held_out.longest_tokens)
    identity = Identity(
        base=base,
        settings=settings,
        prompt_set_digest=prompts.digest,
        training_digest=training.digest,
        validation_digest=held_out.digest,
    )
    sized = estimate(inspected.anatomy, settings, longest, job.hardware)
    return TrainingPlan(job, identity, records, validation, sized)


def finetune(
    records: str | Path,
    base: str,
    output: str | Path,
    settings: FinetuneSettings | None = None,
    *,
    validation: str | Path | None = None,
    resume: bool = False,
    on_plan: Callable[[TrainingPlan], None] | None = None,
    on_step: Callable[[TrainingStep], None] | None = None,
) -> FinetuneResult:
    """Train a critic on feedback records by supervised fine-tuning.

    Under ``accelerate launch`` each process calls it, and the first one writes.

    Args:
        records: JSONL file of feedback records.
        base: Folder or hub id of the base model.
        output: The run folder; must be empty or missing, unless ``resume``.
        settings: How to train; None: the defaults.
        validation: JSONL file of held-out records; None: a share of ``records``.
        resume: Continue the run in ``output``, with the same base, settings and records.
        on_plan: Called once before the training starts.
        on_step: Called after each step and each evaluation.

    Raises:
        InputError: As :func:`plan`; or the output folder is not empty, or holds another run.
        TooLittleMemoryError: The training would not fit; nothing was written.
        DivergedError: The loss is NaN or infinite; earlier checkpoints are kept.
        ModelConfigError: As :func:`plan`; or the weights cannot be loaded.
        MissingExtraError, PromptSetError: As :func:`plan`.
    """
    folder = TrainingFolder(Path(output))
    planned = check(records, base, output, settings, validation=validation, resume=resume)
    if folder.model.is_dir():  # it appears when complete, so there is nothing left to do
        return _result(folder, folder.model)
    if on_plan is not None:
        on_plan(planned)
    writes = _is_first_process()
    if writes:
        _prepare(folder, planned, resume=resume)
    finished = train(planned.job, folder, resume=resume, on_step=on_step)
    return _result(folder, _write(folder, planned) if finished and writes else None)


def check(
    records: str | Path,
    base: str,
    output: str | Path,
    settings: FinetuneSettings | None = None,
    *,
    validation: str | Path | None = None,
    resume: bool = False,
    hardware: Hardware | None = None,
) -> TrainingPlan:
    """Make all checks before a fine-tuning, without writing anything.

    Arguments and errors are those of :func:`finetune`, and ``hardware`` that of :func:`plan`.
    """
    folder = TrainingFolder(Path(output))
    if _is_first_process():
        check_paths(
            [Writes(folder.path, "the run", Kind.FOLDER)],
            {"the records": records, "the held-out records": validation, "the base": base},
        )
    # the first of several processes may have created the folder by now
    if not resume and _is_first_process():
        folder.check_new()
    check_libraries(settings or FinetuneSettings())
    if hardware is None:
        check_launch()
    planned = plan(records, base, settings, validation=validation, hardware=hardware)
    planned.estimate.check()
    if resume:
        folder.check_same(planned.identity)
    return planned


def _is_first_process() -> bool:
    return os.environ.get("RANK", "0") == "0"


def _max_tokens(settings: FinetuneSettings, base: Base) -> int:
    if settings.max_tokens is None:
        return base.context_tokens
    if settings.max_tokens > base.context_tokens:
        raise InputError(
            f"max_tokens is {settings.max_tokens:,}, but the context of {base.model} has "
            f"{base.context_tokens:,} tokens."
        )
    return settings.max_tokens


def _examples(
    records: Path, validation: Path | None, settings: FinetuneSettings, encoder: Encoder
) -> tuple[Examples, Examples]:
    usable, findings = read_usable(records)
    if validation is not None:
        training, (held_out, more) = usable, read_usable(validation)
    else:
        share = settings.validation_share
        training, held_out = divide(usable, validation_share=share, seed=settings.seed)
        more = []
    sides = encoder.examples(training, findings), encoder.examples(held_out, more)
    for side, path in ((sides[0], records), (sides[1], validation)):
        if not side.sequences and path is not None:
            why = summary(side.left_out)
            raise InputError(f"{path} holds no usable record{why}.")
    prompts = {prompt_key(record) for record in training}
    known = sum(prompt_key(record) in prompts for record in held_out)
    return sides[0], replace(sides[1], known=known)


def _prepare(folder: TrainingFolder, planned: TrainingPlan, *, resume: bool) -> None:
    if resume:
        folder.drop_broken_checkpoints()
        folder.write_metrics(folder.history())
        return
    job = planned.job
    folder.start(
        RunFile(
            identity=planned.identity,
            records=str(planned.records),
            validation=None if planned.validation is None else str(planned.validation),
            training_records=job.training.records,
            validation_records=job.validation.records,
            processes=job.hardware.processes,
            versions=versions(),
        )
    )


def _write(folder: TrainingFolder, planned: TrainingPlan) -> Path | None:
    """Write metrics, curves and the critic of a finished training."""
    history = folder.history()
    folder.write_metrics(history)  # without repeated steps
    draw_curves(history, folder.path / "curves.png")
    best = folder.best_checkpoint()
    return None if best is None else export(best, folder, planned.job.base, planned.job.settings)


def _result(folder: TrainingFolder, model: Path | None) -> FinetuneResult:
    history = folder.history()
    losses = [row["eval_loss"] for row in history if "eval_loss" in row]
    steps = max((int(row["step"]) for row in history), default=0)
    return FinetuneResult(folder.path, model, steps, min(losses, default=None))
