"""Models that read images too: a text model, a vision encoder, and a projection between them.

vLLM loads all three, so their parameters count. Encoders are written down as transformers builds
them (``modeling_siglip.py``, ``modeling_pixtral.py``, ``modeling_llama4.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PositiveInt

from revloop.models.families.gemma import Gemma3Config
from revloop.models.families.llama import MistralConfig
from revloop.models.families.llama4 import Llama4TextConfig
from revloop.models.quantization_config import QuantizationFields

if TYPE_CHECKING:
    from revloop.models.families.base import FamilyConfig
    from revloop.models.shape import ModelShape


class VisionFields(BaseModel):
    """The sizes of a vision encoder."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    hidden_size: PositiveInt
    intermediate_size: PositiveInt
    num_hidden_layers: PositiveInt
    image_size: PositiveInt
    patch_size: PositiveInt

    @property
    def patch_weights(self) -> int:
        """Weights that turn a patch of three colours into a vector."""
        return 3 * self.patch_size**2 * self.hidden_size

    @property
    def patches(self) -> int:
        """Patches of an image."""
        return (self.image_size // self.patch_size) ** 2

    @property
    def biased_layers(self) -> int:
        """Layers with two norms, four attention and two feed-forward matrices, all with biases."""
        width, inner = self.hidden_size, self.intermediate_size
        attention = 4 * (width * width + width)
        feed_forward = 2 * width * inner + inner + width
        return self.num_hidden_layers * (attention + feed_forward + 2 * 2 * width)


class MultimodalConfig(BaseModel):
    """What configs with a text part share."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    dtype: str | None = Field(None, validation_alias=AliasChoices("dtype", "torch_dtype"))
    quantization_config: QuantizationFields | None = None

    @property
    def text(self) -> FamilyConfig:
        """The text part."""
        raise NotImplementedError

    @property
    def vision_parameters(self) -> int:
        """Parameters of the encoder and the projection."""
        raise NotImplementedError

    def shape(self, architecture: str) -> ModelShape:
        """The shape under an architecture's name."""
        own: dict[str, Any] = {"dtype": self.dtype or self.text.dtype}
        if self.quantization_config is not None:
            own["quantization_config"] = self.quantization_config
        shape = self.text.model_copy(update=own).shape(architecture)
        return shape.model_copy(update={"vision_parameters": self.vision_parameters})


class SiglipFields(VisionFields):
    """SigLIP, without its head."""

    hidden_size: PositiveInt = 1152
    intermediate_size: PositiveInt = 4304
    num_hidden_layers: PositiveInt = 27
    image_size: PositiveInt = 896
    patch_size: PositiveInt = 14


class Gemma3MultimodalConfig(MultimodalConfig):
    """Gemma 3 of 4, 12 and 27 billion."""

    text_config: Gemma3Config
    vision_config: SiglipFields = SiglipFields()

    @property
    def text(self) -> Gemma3Config:
        """The text part."""
        return self.text_config

    @property
    def vision_parameters(self) -> int:
        """Patches, positions, layers and the last norm; a norm and the projection."""
        vision = self.vision_config
        width = vision.hidden_size
        embeddings = vision.patch_weights + width + vision.patches * width
        projection = width * self.text.hidden_size + width
        return embeddings + vision.biased_layers + 2 * width + projection


class PixtralFields(VisionFields):
    """Pixtral's encoder."""

    hidden_size: PositiveInt = 1024
    intermediate_size: PositiveInt = 4096
    num_hidden_layers: PositiveInt = 24
    image_size: PositiveInt = 1024
    patch_size: PositiveInt = 16


class Mistral3Config(MultimodalConfig):
    """Mistral Small 3.1 and 3.2."""

    text_config: MistralConfig
    vision_config: PixtralFields = PixtralFields()
    spatial_merge_size: PositiveInt = 2
    multimodal_projector_bias: bool = False

    @property
    def text(self) -> MistralConfig:
        """The text part."""
        return self.text_config

    @property
    def vision_parameters(self) -> int:
        """Patches, layers without biases, norms; a norm, the merging and two projections."""
        vision = self.vision_config
        width, text = vision.hidden_size, self.text.hidden_size
        layer = 4 * width**2 + 3 * width * vision.intermediate_size + 2 * width
        encoder = vision.patch_weights + width + vision.num_hidden_layers * layer
        merging = self.spatial_merge_size**2 * width**2
        projections = width * text + text**2 + 2 * text * self.multimodal_projector_bias
        return encoder + width + merging + projections


class Llama4VisionFields(VisionFields):
    """Llama 4's encoder."""

    hidden_size: PositiveInt = 768
    intermediate_size: PositiveInt = 5632
    num_hidden_layers: PositiveInt = 34
    image_size: PositiveInt = 448
    patch_size: PositiveInt = 14
    vision_output_dim: PositiveInt = 7680
    projector_input_dim: PositiveInt = 4096
    projector_output_dim: PositiveInt = 4096


class Llama4Config(MultimodalConfig):
    """Llama 4 Scout and Maverick."""

    text_config: Llama4TextConfig
    vision_config: Llama4VisionFields = Llama4VisionFields()

    @property
    def text(self) -> Llama4TextConfig:
        """The text part."""
        return self.text_config

    @property
    def vision_parameters(self) -> int:
        """Patches, positions and one for the class, layers, norms; an adapter, a projection."""
        vision = self.vision_config
        width = vision.hidden_size
        embeddings = vision.patch_weights + width + (vision.patches + 1) * width
        adapter = (
            vision.intermediate_size * vision.projector_input_dim + vision.projector_output_dim**2
        )
        projection = vision.vision_output_dim * self.text.hidden_size
        return embeddings + vision.biased_layers + 2 * 2 * width + adapter + projection
