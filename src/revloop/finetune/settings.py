"""Settings of a fine-tuning, and the recipes that come with revloop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError

from revloop.errors import InputError, MissingExtraError
from revloop.options import DEFAULT_PROMPTS, Flag, Options
from revloop.values import Frozen, digest_of, explain

RECIPES = Path(__file__).parent / "recipes"
"""Folder of the recipes that come with revloop."""

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
    def digest(self) -> str:
        """Changes with every setting."""
        return digest_of(self.model_dump(mode="json"))

    @property
    def uses_adapters(self) -> bool:
        """Whether the weights of the base stay as they are."""
        return self.method != "full"


class Recipe(Frozen):
    """A base and the settings that suit it.

    Attributes:
        base: The model that the recipe was written for; the command line may name another.
        settings: The settings, where they differ from the defaults.
    """

    base: str | None = None
    settings: FinetuneSettings = FinetuneSettings()

    @classmethod
    def load(cls, name_or_file: str | Path) -> Self:
        """Load a recipe that comes with revloop, or a YAML file of your own.

        Raises:
            InputError: There is no such recipe, or it holds a key or a value that is wrong.
            MissingExtraError: PyYAML is not installed.
        """
        path = _find(name_or_file)
        try:
            return cls.model_validate(read_yaml(path) or {})
        except ValidationError as exc:
            raise InputError(f"The recipe {path}: {explain(exc)}.") from exc


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with revloop."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def with_changes(settings: FinetuneSettings, **changes: object) -> FinetuneSettings:
    """Settings with those changes that are not None.

    Raises:
        InputError: A value cannot be used.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    try:
        return FinetuneSettings.model_validate(settings.model_dump() | given)
    except ValidationError as exc:
        raise InputError(f"An option cannot be used: {explain(exc)}.") from exc


def _find(name_or_file: str | Path) -> Path:
    for path in (RECIPES / f"{name_or_file}.yaml", Path(name_or_file)):
        if path.is_file():
            return path
    raise InputError(
        f"There is no recipe {name_or_file}. Name one that comes with revloop "
        f"({', '.join(shipped_recipes())}), or a YAML file."
    )


def read_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        InputError: It cannot be read.
        MissingExtraError: PyYAML is not installed.
    """
    try:
        import yaml  # optional: comes with the extra `train`
    except ImportError as exc:
        raise MissingExtraError(NEEDS_TRAIN) from exc
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise InputError(f"{path} cannot be read as YAML: {exc}") from exc


NEEDS_TRAIN = "Fine-tuning needs TRL, PEFT and what they stand on: pip install 'revloop[train]'."
"""What to tell where the extra is not installed."""
