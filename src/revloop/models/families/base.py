"""What all known configs share, and how their layers become a shape."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

from revloop.models.layers import Layer, Layers
from revloop.models.quantization_config import QuantizationFields
from revloop.models.shape import ModelShape

if TYPE_CHECKING:
    from revloop.models.quantization import Quantization


class FamilyConfig(BaseModel):
    """The fields that all known configs share, under their names in config.json."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    vocab_size: PositiveInt
    hidden_size: PositiveInt = Field(validation_alias=AliasChoices("hidden_size", "n_embed"))
    num_hidden_layers: PositiveInt = Field(
        validation_alias=AliasChoices("num_hidden_layers", "n_layer"), le=10_000
    )
    num_attention_heads: PositiveInt = Field(
        validation_alias=AliasChoices("num_attention_heads", "n_head")
    )
    max_position_embeddings: PositiveInt = 2048
    dtype: str | None = Field(None, validation_alias=AliasChoices("dtype", "torch_dtype"))
    quantization_config: QuantizationFields | None = None

    def layer(self, index: int) -> Layer:
        """The decoder layer at a position, from 0."""
        raise NotImplementedError

    @property
    def final_norm_parameters(self) -> int:
        """Parameters of the norm after the last layer."""
        return self.hidden_size

    @property
    def tied_embeddings(self) -> bool:
        """Whether the output layer shares the embedding's weights."""
        return False

    @property
    def width_of_equal_heads(self) -> int:
        """Width of a head, where the heads divide the hidden size.

        Raises:
            ValueError: They do not.
        """
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size ({self.hidden_size}) is not a multiple of num_attention_heads "
                f"({self.num_attention_heads})"
            )
        return self.hidden_size // self.num_attention_heads

    def shape(self, architecture: str) -> ModelShape:
        """The shape under an architecture's name.

        Raises:
            ValueError: Sizes do not fit together.
        """
        fields = self.quantization_config
        quantization = None if fields is None else fields.quantization()
        return ModelShape(
            architecture=architecture,
            hidden_size=self.hidden_size,
            vocabulary_size=self.vocab_size,
            stack=self._stack(quantization),
            final_norm_parameters=self.final_norm_parameters,
            tied_embeddings=self.tied_embeddings,
            context_tokens=self.max_position_embeddings,
            dtype=self.dtype,
            quantization=quantization,
        )

    def _stack(self, quantization: Quantization | None) -> tuple[Layers, ...]:
        """The layers, equal ones together, in the order of their first."""
        counts: Counter[tuple[Layer, frozenset[str]]] = Counter()
        for index in range(self.num_hidden_layers):
            layer = self.layer(index)
            quantized = frozenset(
                matrix.name
                for matrix in layer.matrices(self.hidden_size)
                if quantization is not None
                and matrix.quantizable
                and quantization.applies_to(f"model.layers.{index}.{matrix.name}")
            )
            counts[layer, quantized] += 1
        return tuple(
            Layers(count=count, layer=layer, quantized=quantized)
            for (layer, quantized), count in counts.items()
        )


class WindowedConfig(FamilyConfig):
    """The fields for attention within a window; defaults are those of transformers.

    ``layer_types`` names the kind of each layer; without it, a family has its own rule.
    """

    sliding_window: NonNegativeInt | None = None
    use_sliding_window: bool | None = None
    layer_types: list[str] | None = None

    def is_local(self, index: int) -> bool:  # noqa: ARG002 - families override it
        """Whether a layer attends within the window only, if ``layer_types`` does not say."""
        return True

    def window(self, index: int) -> int | None:
        """The window of a layer, or None if it attends to all positions.

        Raises:
            ValueError: ``layer_types`` names a kind of attention that revloop does not know, or
                is too short.
        """
        if self.layer_types is not None:
            if len(self.layer_types) < self.num_hidden_layers:
                raise ValueError(
                    f"layer_types has {len(self.layer_types)} entries for "
                    f"{self.num_hidden_layers} layers"
                )
            kind = self.layer_types[index]
            if kind not in ("full_attention", "sliding_attention"):
                raise ValueError(f"layer_types names {kind!r}, which revloop does not know")
            is_local = kind == "sliding_attention"
        else:
            is_local = self.is_local(index)
        if self.use_sliding_window is False or not is_local:
            return None
        # transformers writes 0 where a window is switched off
        return self.sliding_window or None
