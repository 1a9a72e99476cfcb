"""Mixtures of experts on grouped-query attention: Mixtral, Qwen MoE, gpt-oss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import NonNegativeInt, PositiveInt

from revloop.models.families.llama import MistralConfig, Qwen2Config, Qwen3Config
from revloop.models.feed_forward import ExpertFeedForward, FeedForward

if TYPE_CHECKING:
    from revloop.models.attention import HeadAttention


class MixtralConfig(MistralConfig):
    """Mixtral: experts in every layer."""

    num_local_experts: PositiveInt = 8
    num_experts_per_tok: PositiveInt = 2
    sliding_window: NonNegativeInt | None = None

    def feed_forward(self, index: int) -> FeedForward:  # noqa: ARG002 - all layers are equal
        """The experts."""
        return ExpertFeedForward(
            experts=self.num_local_experts,
            used=self.num_experts_per_tok,
            size=self.intermediate_size,
            router="block_sparse_moe.gate",
            module="block_sparse_moe",
        )


class Qwen2MoeConfig(Qwen2Config):
    """Qwen1.5 and Qwen2 MoE: small experts, and a shared one behind a gate."""

    num_experts: PositiveInt = 60
    num_experts_per_tok: PositiveInt = 4
    moe_intermediate_size: PositiveInt = 1408
    shared_expert_intermediate_size: NonNegativeInt = 5632
    decoder_sparse_step: PositiveInt = 1
    mlp_only_layers: list[int] | None = None

    def feed_forward(self, index: int) -> FeedForward:
        """Experts, except in the layers that the config leaves out."""
        if not _has_experts(index, self.decoder_sparse_step, self.mlp_only_layers):
            return super().feed_forward(index)
        return ExpertFeedForward(
            experts=self.num_experts,
            used=self.num_experts_per_tok,
            size=self.moe_intermediate_size,
            shared_size=self.shared_expert_intermediate_size,
            shared_gate=self.shared_expert_intermediate_size > 0,
        )


class Qwen3MoeConfig(Qwen3Config):
    """Qwen3 MoE: small experts, none of them shared."""

    num_experts: PositiveInt = 128
    num_experts_per_tok: PositiveInt = 8
    moe_intermediate_size: PositiveInt = 768
    decoder_sparse_step: PositiveInt = 1
    mlp_only_layers: list[int] | None = None

    def feed_forward(self, index: int) -> FeedForward:
        """Experts, except in the layers that the config leaves out."""
        if not _has_experts(index, self.decoder_sparse_step, self.mlp_only_layers):
            return super().feed_forward(index)
        return ExpertFeedForward(
            experts=self.num_experts,
            used=self.num_experts_per_tok,
            size=self.moe_intermediate_size,
        )


class GptOssConfig(MistralConfig):
    """gpt-oss: biases everywhere, attention sinks, and a window in every other layer."""

    head_dim: PositiveInt | None = 64
    num_local_experts: PositiveInt = 128
    num_experts_per_tok: PositiveInt = 4
    max_position_embeddings: PositiveInt = 131_072
    sliding_window: NonNegativeInt | None = 128
    attention_bias: bool = True

    def is_local(self, index: int) -> bool:
        """Local and global layers take turns."""
        return index % 2 == 0

    def attention(self, index: int) -> HeadAttention:
        """Grouped-query attention with biases and sinks."""
        bias = {"qkv_bias": self.attention_bias, "output_bias": self.attention_bias}
        return super().attention(index).model_copy(update={**bias, "sinks": True})

    def feed_forward(self, index: int) -> FeedForward:  # noqa: ARG002 - all layers are equal
        """The experts."""
        return ExpertFeedForward(
            experts=self.num_local_experts,
            used=self.num_experts_per_tok,
            size=self.intermediate_size,
            has_bias=True,
            router="mlp.router",
        )


def _has_experts(index: int, step: int, dense_layers: list[int] | None) -> bool:
    return index not in (dense_layers or ()) and (index + 1) % step == 0
