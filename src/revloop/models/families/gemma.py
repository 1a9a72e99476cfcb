"""Gemma: large embeddings that are tied, four norms a layer, and from Gemma 2 on local layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PositiveInt

from revloop.models.families.llama import LlamaConfig
from revloop.models.quantization import QuantizationFields

if TYPE_CHECKING:
    from revloop.models.shape import ModelShape


class GemmaConfig(LlamaConfig):
    """Gemma: a Llama with heads of 256 and tied embeddings."""

    head_dim: PositiveInt | None = 256
    max_position_embeddings: PositiveInt = 8192
    tie_word_embeddings: bool = True


class Gemma2Config(GemmaConfig):
    """Gemma 2: every other layer, from the first on, attends within a window."""

    sliding_window: PositiveInt | None = 4096

    @property
    def norms_per_layer(self) -> int:
        """Before and after the attention, before and after the feed-forward layer."""
        return 4

    def is_local(self, index: int) -> bool:
        """Local and global layers take turns."""
        return index % 2 == 0


class Gemma3Config(Gemma2Config):
    """Gemma 3: five local layers, then a global one; norms over queries and keys.

    A multimodal config leaves out the sizes that are the defaults of transformers.
    """

    vocab_size: PositiveInt = 262_208
    num_attention_heads: PositiveInt = 8
    num_key_value_heads: PositiveInt | None = 4
    max_position_embeddings: PositiveInt = 131_072
    sliding_window_pattern: PositiveInt = Field(
        6, validation_alias=AliasChoices("sliding_window_pattern", "_sliding_window_pattern")
    )

    @property
    def head_norms(self) -> bool:
        """Always."""
        return True

    def is_local(self, index: int) -> bool:
        """The last of each group of layers is global."""
        return (index + 1) % self.sliding_window_pattern != 0


class SiglipFields(BaseModel):
    """The vision encoder of Gemma 3: SigLIP, as transformers builds it without its head."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    hidden_size: PositiveInt = 1152
    intermediate_size: PositiveInt = 4304
    num_hidden_layers: PositiveInt = 27
    image_size: PositiveInt = 896
    patch_size: PositiveInt = 14

    @property
    def parameters(self) -> int:
        """Of patches, positions, layers with biases, and the last norm."""
        width, inner = self.hidden_size, self.intermediate_size
        norm = 2 * width
        patches = 3 * self.patch_size**2 * width + width
        positions = (self.image_size // self.patch_size) ** 2 * width
        attention = 4 * (width * width + width)
        feed_forward = 2 * width * inner + inner + width
        layers = self.num_hidden_layers * (attention + feed_forward + 2 * norm)
        return patches + positions + layers + norm


class Gemma3MultimodalConfig(BaseModel):
    """Gemma 3 that reads images: a text model, a vision encoder, and a projection."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    text_config: Gemma3Config
    vision_config: SiglipFields = SiglipFields()
    dtype: str | None = Field(None, validation_alias=AliasChoices("dtype", "torch_dtype"))
    quantization_config: QuantizationFields | None = None

    def shape(self, architecture: str) -> ModelShape:
        """The shape under an architecture's name."""
        own: dict[str, Any] = {"dtype": self.dtype or self.text_config.dtype}
        if self.quantization_config is not None:
            own["quantization_config"] = self.quantization_config
        shape = self.text_config.model_copy(update=own).shape(architecture)
        vision = self.vision_config
        projection = vision.hidden_size * shape.hidden_size + vision.hidden_size
        return shape.model_copy(update={"vision_parameters": vision.parameters + projection})
