"""Settings of a fine-tuning, and the recipes that come with revloop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError

from revloop.errors import InputError, MissingExtraError
from revloop.options import DEFAULT_PROMPTS
from revloop.values import Frozen, digest_of, explain

RECIPES = Path(__file__).parent / "recipes"
"""Folder of the recipes that come with revloop."""

Method = Literal["full", "lora", "qlora"]
Precision = Literal["bf16", "fp32"]


class LoraSettings(Frozen):
    """Low-rank adapters (Hu et al., arXiv 2106.09685): W + alpha / rank * B A, with W frozen."""

    rank: Annotated[int, Field(ge=1)] = Field(
        default=64, description="Inner width of an adapter. 64: QLoRA's (arXiv 2305.14314, B.2)."
    )
    alpha: Annotated[float, Field(gt=0)] = Field(
        default=16, description="Scale of the adapters. 16: QLoRA's, found with rank 64."
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.05, description="Share of an adapter's inputs left out. 0.05: QLoRA's at 33B."
    )
    target_modules: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="Names of the linear layers that get an adapter; None: all but the output "
        "layer, which QLoRA found to be needed to match full fine-tuning (figure 2).",
    )


class FinetuneSettings(Frozen):
    """What decides the weights that come out. Each default serves a few hundred records."""

    prompts: str = Field(
        default=DEFAULT_PROMPTS,
        description="The prompt set that records are rendered with: the one that the loop is to "
        "use with this critic. A name, or a folder.",
    )
    method: Method = Field(
        default="lora",
        description="full: all weights. lora: adapters beside frozen weights. qlora: adapters "
        "beside weights in 4 bits (a GPU and bitsandbytes are needed).",
    )
    lora: LoraSettings = Field(default=LoraSettings(), description="Not used by method full.")
    precision: Precision | None = Field(
        default=None,
        description="What is computed in, and how the critic is saved. None: bf16 where the "
        "hardware computes in it (GPUs; CPUs with AVX512-BF16 or AMX), else fp32.",
    )
    epochs: Annotated[float, Field(gt=0)] = Field(
        default=3.0, description="How often each record is seen, unless training stops early."
    )
    batch_size: Annotated[int, Field(ge=1)] = Field(
        default=16, description="Records in one step, over all GPUs. 16: QLoRA's on 9,000 records."
    )
    micro_batch_size: Annotated[int, Field(ge=1)] = Field(
        default=1,
        description="Records that one GPU reads at once: memory for speed, the result is the same.",
    )
    learning_rate: Annotated[float, Field(gt=0)] = Field(
        default=1e-4, description="Peak learning rate of AdamW. 1e-4: QLoRA's at 33B and 65B."
    )
    schedule: Literal["constant", "cosine", "linear"] = Field(
        default="cosine", description="How the learning rate falls after the warm-up."
    )
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.03, description="Share of all steps in which the learning rate rises."
    )
    weight_decay: Annotated[float, Field(ge=0)] = Field(default=0.0, description="AdamW's.")
    max_grad_norm: Annotated[float, Field(gt=0)] = Field(
        default=0.3, description="Longer gradients are scaled down to it. 0.3: QLoRA's."
    )
    max_tokens: Annotated[int, Field(ge=8)] | None = Field(
        default=None,
        description="Tokens of the longest record that is used; a longer one is left out and "
        "told of, never cut. None: as many as the base's context holds.",
    )
    gradient_checkpointing: bool = Field(
        default=True,
        description="Compute activations twice rather than keep them: memory for "
        "about a third more time.",
    )
    packing: bool = Field(
        default=False,
        description="Lay several records in one sequence. Only with FlashAttention 2, which keeps "
        "them apart: with any other attention a Falcon reads across them.",
    )
    validation_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.1,
        description="Share of the records held out for evaluation where no file of them is given; "
        "0: no evaluation, no early stopping.",
    )
    checkpoint_steps: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Evaluate and save every so many steps; None: every epoch."
    )
    patience: Annotated[int, Field(ge=1)] | None = Field(
        default=2,
        description="Stop after so many evaluations without a lower loss; None: never. The "
        "checkpoint with the lowest loss is the one that is kept.",
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(
        default=0, description="Where random choices start: split, order, adapters, dropout."
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
