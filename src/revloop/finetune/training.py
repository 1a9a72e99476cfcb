"""The training itself: TRL's SFTTrainer on examples that are tokens already."""

from __future__ import annotations

import importlib.util
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from revloop.errors import InputError, MissingExtraError, ModelConfigError, TooLittleMemoryError
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
    """One training.

    Attributes:
        base: The base.
        settings: How it is trained.
        training: What it is trained on.
        validation: What it is evaluated on; may be empty.
        hardware: What it runs on.
    """

    base: Base
    settings: FinetuneSettings
    training: Examples
    validation: Examples
    hardware: Hardware

    @property
    def accumulation_steps(self) -> int:
        """How many times each process reads before the weights change.

        Raises:
            InputError: The batch cannot be shared out evenly.
        """
        at_once = self.settings.micro_batch_size * self.hardware.processes
        steps, rest = divmod(self.settings.batch_size, at_once)
        if rest or not steps:
            raise InputError(
                f"A batch of {self.settings.batch_size} records cannot be shared out over "
                f"{self.hardware.processes} process(es) of {self.settings.micro_batch_size} "
                "records at once: make --batch-size a multiple of the two numbers' product."
            )
        return steps

    @property
    def steps(self) -> int:
        """Steps in all, unless it stops early (Trainer's count, without packing)."""
        a_epoch = math.ceil(len(self.training.of) / self.settings.batch_size)
        return math.ceil(a_epoch * self.settings.epochs)


def check_libraries(settings: FinetuneSettings) -> None:
    """Check that what a training needs is installed, before anything else is done.

    Raises:
        MissingExtraError: A library is missing.
        InputError: A setting cannot be used on this machine.
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
            "any other attention a Falcon reads across them. Leave packing off, or pip install "
            "flash-attn on a machine with a GPU."
        )


def check_launch() -> None:
    """Check that this process is not alone with several GPUs: TRL trains on one a process.

    Raises:
        InputError: It is.
    """
    import torch  # heavy and optional

    gpus = torch.cuda.device_count()
    if gpus > 1 and "WORLD_SIZE" not in os.environ:
        raise InputError(
            f"There are {gpus} GPUs, and one process was started. Start one for each "
            "(--accelerate-config fsdp-8, or a file of your own), or name the one to use: "
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
        job: What to train, and how.
        folder: Where checkpoints go.
        resume: Go on from the last whole checkpoint, if there is one.
        on_step: Called after each step and each evaluation.

    Returns:
        Whether it came to its end; False if a signal stopped it, after a checkpoint.

    Raises:
        DivergedError: The loss is no longer a number.
        TooLittleMemoryError: The memory ran out.
        ModelConfigError: The weights cannot be loaded.
    """
    from transformers.trainer_callback import EarlyStoppingCallback, PrinterCallback

    trl = load_trl()
    _quieten()
    settings = job.settings
    # before the weights: it sets up the processes that they may be shared out to
    arguments = _arguments(job, folder)
    with stopping_on_request(alone=job.hardware.processes == 1) as stop:
        callbacks = [make_callback(on_step, stop, folder.add_metrics)]
        if job.validation.of and settings.patience is not None:
            callbacks.append(EarlyStoppingCallback(early_stopping_patience=settings.patience))
        trainer = trl.SFTTrainer(
            model=_load(job.base.model, settings),
            args=arguments,
            train_dataset=_dataset(job.training),
            eval_dataset=_dataset(job.validation) if job.validation.of else None,
            processing_class=_tokenizer(job.base.model),
            peft_config=_lora(settings.lora) if settings.uses_adapters else None,
            callbacks=callbacks,
        )
        trainer.remove_callback(PrinterCallback)  # it writes to standard output
        last = folder.last_checkpoint() if resume else None
        try:
            trainer.train(resume_from_checkpoint=None if last is None else str(last))
        except (RuntimeError, MemoryError) as exc:
            if not ran_out_of_memory(exc):
                raise
            raise TooLittleMemoryError(
                "The memory ran out, although the estimate said that it would suffice: is "
                "another process there? The checkpoints are kept; make --micro-batch-size or "
                "--max-tokens smaller in a new run."
            ) from exc
        return not stop.is_made


def load_causal(model: str, **options: Any) -> Any:
    """Load a causal model: safetensors only, and no code that comes with it.

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
        reason = str(exc).strip().splitlines() or [type(exc).__name__]
        raise ModelConfigError(f"{model} cannot be loaded: {reason[0]}") from exc


def _quieten() -> None:
    """Keep the libraries' own bars and hints off the screen: the caller shows the progress."""
    import datasets  # heavy and optional
    import transformers

    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()


def _load(model: str, settings: FinetuneSettings) -> Any:
    import torch  # heavy and optional

    options: dict[str, Any] = {
        # masters in fp32: bf16 has 8 bits of mantissa, and most updates would be lost
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


def _tokenizer(model: str) -> Any:
    from transformers import AutoTokenizer  # heavy and optional

    return AutoTokenizer.from_pretrained(model, trust_remote_code=False)


def _dataset(examples: Examples) -> Any:
    from datasets import Dataset  # heavy and optional

    return Dataset.from_list([example.row() for example in examples.of])


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
    """TRL, without the level of vLLM's log that importing it leaves in the environment.

    A server that is started later would inherit it and keep its warnings to itself.
    """
    level = os.environ.get(_VLLM_LOG_LEVEL)
    import trl  # heavy and optional

    if level is None:
        os.environ.pop(_VLLM_LOG_LEVEL, None)
    return trl


def _arguments(job: TrainingJob, folder: TrainingFolder) -> Any:
    """SFTConfig for a job: what is not said here is TRL's default."""
    settings = job.settings
    when: dict[str, Any] = {"save_strategy": "epoch"}
    if settings.checkpoint_steps is not None:
        steps = settings.checkpoint_steps
        when = {"save_strategy": "steps", "save_steps": steps, "eval_steps": steps}
    evaluated = bool(job.validation.of)
    return load_trl().SFTConfig(
        output_dir=str(folder.checkpoints),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.micro_batch_size,
        per_device_eval_batch_size=settings.micro_batch_size,
        gradient_accumulation_steps=job.accumulation_steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=settings.warmup_share,  # below 1 it is a share
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        optim="adamw_torch",
        bf16=settings.precision == "bf16",
        gradient_checkpointing=settings.gradient_checkpointing,
        packing=settings.packing,
        eval_packing=False,
        # nothing is ever cut: what is too long was left out
        max_length=job.base.context_tokens,
        eval_strategy=when["save_strategy"] if evaluated else "no",
        # EarlyStoppingCallback and the choice of the best checkpoint go by it
        metric_for_best_model="eval_loss" if evaluated else None,
        greater_is_better=False if evaluated else None,
        save_total_limit=_CHECKPOINTS_KEPT,
        restore_callback_states_from_checkpoint=True,
        logging_steps=1,
        # else a NaN would be shown as the mean of the steps before it
        logging_nan_inf_filter=False,
        seed=settings.seed,
        data_seed=settings.seed,
        full_determinism=False,
        use_cpu=not job.hardware.is_gpu,
        report_to="none",
        disable_tqdm=True,
        **when,
    )
