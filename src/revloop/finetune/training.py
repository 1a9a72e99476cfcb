"""The training: TRL's SFTTrainer on tokenised examples."""

from __future__ import annotations

import importlib.util
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from revloop.errors import (
    InputError,
    MissingExtraError,
    ModelConfigError,
    TooLittleMemoryError,
    failure_line,
)
from revloop.finetune.order import LengthGrouped
from revloop.finetune.settings import NEEDS_TRAIN
from revloop.finetune.watch import make_callback, stopping_on_request
from revloop.models.memory import ran_out_of_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from revloop.finetune.base import Base
    from revloop.finetune.examples import Examples
    from revloop.finetune.memory import Hardware
    from revloop.finetune.run_folder import TrainingFolder
    from revloop.finetune.settings import FinetuneSettings, LoraSettings
    from revloop.finetune.watch import TrainingStep

_CHECKPOINTS_KEPT = 2  # the best and the last
_VLLM_LOG_LEVEL = "VLLM_LOGGING_LEVEL"
_LIBRARIES = ("accelerate", "datasets", "matplotlib", "peft", "torch", "transformers", "trl")


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """The inputs of a training; ``validation`` may be empty."""

    base: Base
    settings: FinetuneSettings
    training: Examples
    validation: Examples
    hardware: Hardware

    @property
    def accumulation_steps(self) -> int:
        """Micro-batches of each process per step.

        Raises:
            InputError: The batch cannot be divided evenly.
        """
        at_once = self.settings.micro_batch_size * self.hardware.processes
        steps, rest = divmod(self.settings.batch_size, at_once)
        if rest or not steps:
            raise InputError(
                f"A batch of {self.settings.batch_size} records cannot be divided among "
                f"{self.hardware.processes} process(es) with micro-batches of "
                f"{self.settings.micro_batch_size}: make --batch-size a multiple of {at_once}."
            )
        return steps

    @property
    def steps(self) -> int:
        """Total steps, unless it stops early (Trainer's count, without packing)."""
        per_epoch = math.ceil(len(self.training.sequences) / self.settings.batch_size)
        return math.ceil(per_epoch * self.settings.epochs)


def check_libraries(settings: FinetuneSettings) -> None:
    """Check that the libraries of a training are installed.

    Raises:
        MissingExtraError: A library is missing.
        InputError: A setting is not supported on this machine.
    """
    missing = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"{NEEDS_TRAIN} Missing: {', '.join(missing)}.")
    import torch
    from transformers.utils import is_flash_attn_2_available

    if settings.method == "qlora":
        if not torch.cuda.is_available():
            raise InputError("Method qlora needs a GPU. On a CPU, use --method lora.")
        if importlib.util.find_spec("bitsandbytes") is None:
            raise MissingExtraError("Method qlora needs: pip install bitsandbytes.")
    if settings.packing and not is_flash_attn_2_available():
        raise InputError(
            "Packing needs FlashAttention 2, which keeps the records of one sequence apart; with "
            "any other attention a Falcon attends across them. Turn packing off, or pip install "
            "flash-attn on a machine with a GPU."
        )


def check_launch() -> None:
    """Check that there is a process for each GPU, since TRL trains on one GPU per process.

    Raises:
        InputError: There is one process and several GPUs.
    """
    import torch  # heavy and optional

    gpus = torch.cuda.device_count()
    if gpus > 1 and "WORLD_SIZE" not in os.environ:
        raise InputError(
            f"There are {gpus} GPUs, and one process was started. Start one for each "
            "(--accelerate-config fsdp-8, or your own file), or select one GPU: "
            "CUDA_VISIBLE_DEVICES=0."
        )


def train(
    job: TrainingJob,
    folder: TrainingFolder,
    *,
    resume: bool,
    on_step: Callable[[TrainingStep], None] | None,
) -> bool:
    """Train, with checkpoints in the run folder.

    Args:
        job: The training.
        folder: The run folder.
        resume: Continue from the last complete checkpoint, if there is one.
        on_step: Called after each step and each evaluation.

    Returns:
        Whether it finished; False if a signal stopped it, after a checkpoint.

    Raises:
        DivergedError: The loss is no longer a number.
        TooLittleMemoryError: The memory ran out.
        ModelConfigError: The weights cannot be loaded.
    """
    from transformers.trainer_callback import EarlyStoppingCallback, PrinterCallback

    load_trl()
    _silence_libraries()
    settings = job.settings
    # before the weights are loaded: this sets up the processes that may shard them
    arguments = _arguments(job, folder)
    with stopping_on_request(single_process=job.hardware.processes == 1) as stop:
        callbacks = [make_callback(on_step, stop, folder.add_metrics)]
        if job.validation.sequences and settings.patience is not None:
            callbacks.append(EarlyStoppingCallback(early_stopping_patience=settings.patience))
        trainer = _trainer_class(job)(
            model=_load(job.base.model, settings),
            args=arguments,
            train_dataset=_dataset(job.training),
            eval_dataset=_dataset(job.validation) if job.validation.sequences else None,
            processing_class=load_tokenizer(job.base.model),
            peft_config=_lora(settings.lora) if settings.uses_adapters else None,
            callbacks=callbacks,
        )
        trainer.remove_callback(PrinterCallback)  # it prints to standard output
        last = folder.last_checkpoint() if resume else None
        try:
            trainer.train(resume_from_checkpoint=None if last is None else str(last))
        except (RuntimeError, MemoryError) as exc:
            if not ran_out_of_memory(exc):
                raise
            raise TooLittleMemoryError(
                "The memory ran out, although the estimate fits: is another process using it? The "
                "checkpoints are kept. Start a new run with a smaller --micro-batch-size or "
                "--max-tokens."
            ) from exc
        return not stop.is_made


def _trainer_class(job: TrainingJob) -> Any:
    """TRL's trainer, with records of about the same length in a micro-batch."""
    order = LengthGrouped(
        lengths=[example.tokens for example in job.training.sequences],
        size=job.settings.micro_batch_size,
        seed=job.settings.seed,
    )

    class OrderedTrainer(load_trl().SFTTrainer):  # type: ignore[misc]
        """The trainer's own orders are random, or depend on what was trained before."""

        def _get_train_sampler(self, *_: Any) -> LengthGrouped:
            return order

    return OrderedTrainer


def load_causal(model: str, **options: Any) -> Any:
    """Load a causal model from safetensors, without running its own code.

    Raises:
        ModelConfigError: The weights are missing, or cannot be loaded.
    """
    import transformers  # heavy and optional

    transformers.utils.logging.disable_progress_bar()
    try:
        return transformers.AutoModelForCausalLM.from_pretrained(
            model, use_safetensors=True, trust_remote_code=False, **options
        )
    except (OSError, ValueError, KeyError, RuntimeError) as exc:
        raise ModelConfigError(f"{model} cannot be loaded: {failure_line(exc)}") from exc


def _silence_libraries() -> None:
    """Turn off the libraries' progress bars and hints: the caller shows the progress."""
    import datasets  # heavy and optional
    import transformers

    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()


def _load(model: str, settings: FinetuneSettings) -> Any:
    import torch  # heavy and optional

    options: dict[str, Any] = {
        # fp32 masters: the 8-bit mantissa of bf16 would lose most updates
        "dtype": torch.bfloat16
        if settings.uses_adapters and settings.precision == "bf16"
        else torch.float32,
        "attn_implementation": "flash_attention_2" if settings.packing else "sdpa",
    }
    if settings.method == "qlora":
        from transformers import BitsAndBytesConfig

        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=options["dtype"],
        )
    return load_causal(model, **options)


def load_tokenizer(model: str) -> Any:
    """Load a model's tokenizer, without running its own code."""
    from transformers import AutoTokenizer  # heavy and optional

    return AutoTokenizer.from_pretrained(model, trust_remote_code=False)


def _dataset(examples: Examples) -> Any:
    from datasets import Dataset  # heavy and optional

    return Dataset.from_list([example.row() for example in examples.sequences])


def _lora(lora: LoraSettings) -> Any:
    from peft import LoraConfig  # heavy and optional

    targets = "all-linear" if lora.target_modules is None else list(lora.target_modules)
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=targets,
        bias="none",
        task_type="CAUSAL_LM",
    )


def load_trl() -> Any:
    """Import TRL without the vLLM log level that it leaves in the environment.

    A server started later would inherit it and hide its warnings.
    """
    level = os.environ.get(_VLLM_LOG_LEVEL)
    import trl  # heavy and optional

    if level is None:
        os.environ.pop(_VLLM_LOG_LEVEL, None)
    return trl


def _arguments(job: TrainingJob, folder: TrainingFolder) -> Any:
    """SFTConfig for a job; everything else is TRL's default."""
    settings = job.settings
    when: dict[str, Any] = {"save_strategy": "epoch"}
    if settings.checkpoint_steps is not None:
        steps = settings.checkpoint_steps
        when = {"save_strategy": "steps", "save_steps": steps, "eval_steps": steps}
    evaluated = bool(job.validation.sequences)
    return load_trl().SFTConfig(
        output_dir=str(folder.checkpoints),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.micro_batch_size,
        per_device_eval_batch_size=settings.micro_batch_size,
        gradient_accumulation_steps=job.accumulation_steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=settings.warmup_share,  # a share if below 1
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        optim="adamw_torch",
        bf16=settings.precision == "bf16",
        gradient_checkpointing=settings.gradient_checkpointing,
        packing=settings.packing,
        eval_packing=False,
        # nothing is truncated: longer examples were left out
        max_length=job.base.context_tokens,
        eval_strategy=when["save_strategy"] if evaluated else "no",
        # for early stopping and the choice of the best checkpoint
        metric_for_best_model="eval_loss" if evaluated else None,
        greater_is_better=False if evaluated else None,
        save_total_limit=_CHECKPOINTS_KEPT,
        restore_callback_states_from_checkpoint=True,
        logging_steps=1,
        # otherwise a NaN is logged as the mean of earlier steps
        logging_nan_inf_filter=False,
        seed=settings.seed,
        data_seed=settings.seed,
        full_determinism=False,
        use_cpu=not job.hardware.is_gpu,
        report_to="none",
        disable_tqdm=True,
        **when,
    )
