"""The base model of a fine-tuning: config, tokenizer and parameter counts, without weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from revloop.engines.local_tokens import LocalTokenizer
from revloop.errors import InputError, ModelConfigError, failure_line, needs
from revloop.finetune.settings import NEEDS_TRAIN
from revloop.models.config import read_config


@dataclass(frozen=True, slots=True)
class Linear:
    """All linear layers of one name, such as ``query_key_value``.

    Attributes:
        inputs: Input width.
        outputs: Output width.
        count: Number of layers of that name in the model.
    """

    inputs: int
    outputs: int
    count: int


@dataclass(frozen=True, slots=True)
class Anatomy:
    """The sizes of a model that matter for training it.

    Attributes:
        parameters: Parameters of the model, shared ones counted once.
        layers: Number of decoder layers.
        layer_parameters: Parameters of one decoder layer.
        hidden_size: Width of the residual stream.
        vocabulary_size: Rows of the output layer.
        linears: Linear layers by name, without the output layer.
    """

    parameters: int
    layers: int
    layer_parameters: int
    hidden_size: int
    vocabulary_size: int
    linears: dict[str, Linear]

    @classmethod
    def of_config(cls, config: Any) -> Self:
        """The anatomy of the model that a transformers config describes.

        torch's meta device holds shapes without numbers, so this is fast even for 40B.
        """
        import torch  # heavy and optional
        from transformers import AutoModelForCausalLM

        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
        model.tie_weights()
        stacks = [m for m in model.modules() if isinstance(m, torch.nn.ModuleList) and len(m)]
        stack = max(stacks, key=_size)
        output = model.get_output_embeddings()
        return cls(
            parameters=_size(model),
            layers=len(stack),
            layer_parameters=max(_size(layer) for layer in stack),
            hidden_size=config.get_text_config().hidden_size,
            vocabulary_size=output.out_features,
            linears=_linears(model, output),
        )

    def adapter_parameters(self, rank: int, targets: tuple[str, ...] | None) -> int:
        """Parameters of LoRA adapters: two matrices for each target.

        Raises:
            InputError: The model has no linear layer of that name.
        """
        if unknown := sorted(set(targets or ()) - set(self.linears)):
            raise InputError(
                f"lora.target_modules names {unknown[0]}, and the base has no such layer. It has "
                f"{', '.join(self.linears)}."
            )
        chosen = self.linears if targets is None else {name: self.linears[name] for name in targets}
        return sum(rank * (each.inputs + each.outputs) * each.count for each in chosen.values())

    @property
    def linear_parameters(self) -> int:
        """Parameters of all linear layers but the output layer: what QLoRA keeps in 4 bits."""
        return sum(each.inputs * each.outputs * each.count for each in self.linears.values())


@dataclass(frozen=True, slots=True)
class Base:
    """A base model that can become a critic.

    Attributes:
        model: Folder or hub id.
        tokenizer: The tokenizer, as the engines use it.
        end_id: The critic's end token.
        context_tokens: The context length.
        anatomy: The model's sizes.
    """

    model: str
    tokenizer: LocalTokenizer
    end_id: int
    context_tokens: int
    anatomy: Anatomy

    @classmethod
    def inspect(cls, model: str) -> Self:
        """Read a model's config and tokenizer, not its weights.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            ModelConfigError: There is no such model, it is not causal, or its tokenizer is missing
                or has no end token.
        """
        config = _causal_config(model)
        tokenizer = LocalTokenizer.from_model(model)
        if tokenizer.end_id is None:
            raise ModelConfigError(
                f"The tokenizer of {model} has no end token, so a critic could not learn to stop. "
                'Set "eos_token" in tokenizer_config.json.'
            )
        return cls(
            model=model,
            tokenizer=tokenizer,
            end_id=tokenizer.end_id,
            context_tokens=config.get_text_config().max_position_embeddings,
            anatomy=Anatomy.of_config(config),
        )


def _causal_config(model: str) -> Any:
    architectures = read_config(model).get("architectures") or ["of no architecture"]
    with needs(NEEDS_TRAIN):
        from transformers import AutoConfig
        from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    try:
        config = AutoConfig.from_pretrained(model, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as exc:
        raise ModelConfigError(
            f"The config of {model} cannot be used: {failure_line(exc)}"
        ) from exc
    if architectures[0] not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values():
        raise ModelConfigError(
            f"{model} is {architectures[0]}, not a causal language model that transformers knows. "
            "Train a critic from one such as FalconForCausalLM."
        )
    return config


def _size(module: Any) -> int:
    # `parameters()` yields a shared tensor once
    return sum(parameter.numel() for parameter in module.parameters())


def _linears(model: Any, output: Any) -> dict[str, Linear]:
    import torch  # heavy and optional

    found: dict[str, Linear] = {}
    for path, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and module is not output:
            name = path.rpartition(".")[2]
            count = found[name].count + 1 if name in found else 1
            found[name] = Linear(module.in_features, module.out_features, count)
    return found
