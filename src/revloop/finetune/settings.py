"""Settings of a fine-tuning, and recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError

from revloop.errors import InputError, needs
from revloop.options import DEFAULT_PROMPTS, Flag, Options
from revloop.values import Frozen, explain

RECIPES = Path(__file__).parent / "recipes"
"""Folder of the shipped recipes."""

Method = Literal["full", "lora", "qlora"]
Precision = Literal["bf16", "fp32"]


class LoraSettings(Options):
    """Low-rank adapters (Hu et al., arXiv 2106.09685): W + alpha / rank * B A, with W frozen."""

    panel: ClassVar[str] = "LoRA"

    rank: Annotated[int, Flag(name="--lora-rank", metavar="N")] = Field(
        default=64,
        ge=1,
        description="Inner width of an adapter. 64: QLoRA's (arXiv 2305.14314, B.2).",
    )
    alpha: Annotated[float, Flag(name="--lora-alpha", metavar="X")] = Field(
        default=16, gt=0, description="Scale of the adapters. 16: QLoRA's, tuned with rank 64."
    )
    dropout: Annotated[float, Flag(name="--lora-dropout", metavar="SHARE")] = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="Dropout in adapters. 0.05: QLoRA's at 33B.",
    )
    target_modules: Annotated[
        tuple[str, ...] | None, Flag(name="--lora-target-modules", metavar="NAME")
    ] = Field(
        default=None,
        min_length=1,
        description="Linear layers that get an adapter. By default all but the output layer, which "
        "QLoRA needed to match full fine-tuning (figure 2).",
    )


class FinetuneSettings(Options):
    """What decides the resulting weights. The defaults suit a few hundred records."""

    panel: ClassVar[str] = "Training"

    prompts: Annotated[str, Flag(metavar="NAME|DIR")] = Field(
        default=DEFAULT_PROMPTS,
        description="Prompt set that renders the records: the one to use with this critic.",
    )
    method: Method = Field(
        default="lora",
        description="full: all weights. lora: adapters beside frozen weights. qlora: adapters "
        "beside 4-bit weights (needs a GPU and bitsandbytes).",
    )
    lora: Annotated[LoraSettings, Flag(only_in_python=True)] = Field(
        default=LoraSettings(), description="The adapters of methods lora and qlora."
    )
    precision: Precision | None = Field(
        default=None,
        description="Precision of training and of the saved critic. By default bf16 where the "
        "hardware computes in it (GPUs; CPUs with AVX512-BF16 or AMX), else fp32.",
    )
    epochs: Annotated[float, Flag(metavar="N")] = Field(
        default=3.0, gt=0, description="Passes over the records, unless training stops early."
    )
    batch_size: Annotated[int, Flag(metavar="N")] = Field(
        default=16,
        ge=1,
        description="Records in one step, over all GPUs. 16: QLoRA's on 9,000 records.",
    )
    micro_batch_size: Annotated[int, Flag(metavar="N")] = Field(
        default=1,
        ge=1,
        description="Records that a GPU processes at once: more is faster, needs more memory, and "
        "gives the same result.",
    )
    learning_rate: Annotated[float, Flag(metavar="X")] = Field(
        default=1e-4, gt=0, description="Peak learning rate of AdamW. 1e-4: QLoRA's at 33B and 65B."
    )
    schedule: Literal["constant", "cosine", "linear"] = Field(
        default="cosine", description="Decay of the learning rate after the warm-up."
    )
    warmup_share: Annotated[float, Flag(metavar="SHARE")] = Field(
        default=0.03, ge=0, lt=1, description="Share of all steps that are warm-up."
    )
    weight_decay: Annotated[float, Flag(metavar="X")] = Field(
        default=0.0, ge=0, description="Weight decay of AdamW."
    )
    max_grad_norm: Annotated[float, Flag(metavar="X")] = Field(
        default=0.3, gt=0, description="Longer gradients are clipped to this norm. 0.3: QLoRA's."
    )
    max_tokens: Annotated[int | None, Flag(metavar="N")] = Field(
        default=None,
        ge=8,
        description="Longest record; longer ones are left out and reported, never cut. By default "
        "the base's context length.",
    )
    gradient_checkpointing: bool = Field(
        default=True,
        description="Recompute activations instead of storing them: less memory for about a third "
        "more time.",
    )
    packing: bool = Field(
        default=False,
        description="Pack several records into one sequence. Needs FlashAttention 2, which keeps "
        "them apart: with any other attention a Falcon attends across records.",
    )
    validation_share: Annotated[float, Flag(metavar="SHARE")] = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Share of the records held out for validation if no file of them is given. "
        "0: no evaluation, no early stopping.",
    )
    checkpoint_steps: Annotated[int | None, Flag(metavar="N")] = Field(
        default=None, ge=1, description="Steps between checkpoints; by default one epoch."
    )
    patience: Annotated[int | None, Flag(metavar="N")] = Field(
        default=2,
        ge=1,
        description="Stop after this many evaluations without a lower loss; in Python, None never "
        "stops. The checkpoint with the lowest loss is kept.",
    )
    seed: Annotated[int, Flag(metavar="N")] = Field(
        default=0,
        ge=0,
        lt=2**31,
        description="Random seed of split, order, adapters and dropout.",
    )

    @property
    def uses_adapters(self) -> bool:
        """Whether the base's weights are frozen."""
        return self.method != "full"


class Recipe(Frozen):
    """A base model and settings for it; the command line may override both."""

    base: str | None = None
    settings: FinetuneSettings = FinetuneSettings()

    @classmethod
    def load(cls, name_or_file: str | Path) -> Self:
        """Load a shipped recipe, or a YAML file.

        Raises:
            InputError: There is no such recipe, or it holds an invalid key or value.
            MissingExtraError: PyYAML is not installed.
        """
        path = shipped_or_own(name_or_file, suffix=".yaml", kind="recipe", own="a YAML file")
        try:
            return cls.model_validate(read_yaml(path) or {})
        except ValidationError as exc:
            raise InputError(f"The recipe {path}: {explain(exc)}.") from exc


def shipped_recipes() -> list[str]:
    """Names of the shipped recipes."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def with_changes(settings: FinetuneSettings, **changes: object) -> FinetuneSettings:
    """Settings with the changes that are not None.

    Raises:
        InputError: A value is invalid.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    try:
        return FinetuneSettings.model_validate(settings.model_dump() | given)
    except ValidationError as exc:
        raise InputError(f"An option cannot be used: {explain(exc)}.") from exc


def shipped_or_own(name_or_file: str | Path, *, suffix: str, kind: str, own: str) -> Path:
    """The shipped file of that name, or a file of the user's own.

    Args:
        name_or_file: A shipped file's name without its suffix, or a path.
        suffix: Suffix of the shipped files.
        kind: What the file is, for messages.
        own: What the user can name instead, for messages.

    Raises:
        InputError: There is no such file.
    """
    for path in (RECIPES / f"{name_or_file}{suffix}", Path(name_or_file)):
        if path.is_file():
            return path
    names = ", ".join(sorted(path.stem for path in RECIPES.glob(f"*{suffix}")))
    raise InputError(f"There is no {kind} {name_or_file}. Name {names}, or {own}.")


def read_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        InputError: It cannot be read.
        MissingExtraError: PyYAML is not installed.
    """
    with needs(NEEDS_TRAIN):
        import yaml  # optional: comes with the extra `train`
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise InputError(f"{path} cannot be read as YAML: {exc}") from exc


NEEDS_TRAIN = "Fine-tuning needs TRL, PEFT and their dependencies: pip install 'revloop[train]'."
"""The message without the extra."""
