"""Families of models whose parameters revloop counts exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.models.families.deepseek import DeepseekConfig
from revloop.models.families.experts import (
    GptOssConfig,
    MixtralConfig,
    Qwen2MoeConfig,
    Qwen3MoeConfig,
)
from revloop.models.families.falcon import FalconConfig
from revloop.models.families.gemma import Gemma2Config, Gemma3Config, GemmaConfig
from revloop.models.families.llama import (
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
)
from revloop.models.families.llama4 import Llama4TextConfig
from revloop.models.families.multimodal import (
    Gemma3MultimodalConfig,
    Llama4Config,
    Mistral3Config,
)

if TYPE_CHECKING:
    from revloop.models.families.base import FamilyConfig
    from revloop.models.families.multimodal import MultimodalConfig

__all__ = ["CONFIG_KINDS"]

CONFIG_KINDS: dict[str, type[FamilyConfig | MultimodalConfig]] = {
    "FalconForCausalLM": FalconConfig,
    # the first Falcon checkpoints, from before transformers had the model
    "RWForCausalLM": FalconConfig,
    "LlamaForCausalLM": LlamaConfig,
    "SmolLM3ForCausalLM": LlamaConfig,
    "GraniteForCausalLM": LlamaConfig,
    "Llama4ForCausalLM": Llama4TextConfig,
    "Llama4ForConditionalGeneration": Llama4Config,
    "MistralForCausalLM": MistralConfig,
    "Mistral3ForConditionalGeneration": Mistral3Config,
    "Phi3ForCausalLM": Phi3Config,
    "Qwen2ForCausalLM": Qwen2Config,
    "Qwen3ForCausalLM": Qwen3Config,
    "GemmaForCausalLM": GemmaConfig,
    "Gemma2ForCausalLM": Gemma2Config,
    "Gemma3ForCausalLM": Gemma3Config,
    "Gemma3ForConditionalGeneration": Gemma3MultimodalConfig,
    "MixtralForCausalLM": MixtralConfig,
    "Qwen2MoeForCausalLM": Qwen2MoeConfig,
    "Qwen3MoeForCausalLM": Qwen3MoeConfig,
    "DeepseekV2ForCausalLM": DeepseekConfig,
    "DeepseekV3ForCausalLM": DeepseekConfig,
    "GptOssForCausalLM": GptOssConfig,
}
"""The config of each architecture that has a shape."""
