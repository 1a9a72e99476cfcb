"""DeepSeek V2, V3 and R1, and Kimi K2: latent attention, dense first layers, shared experts."""

from __future__ import annotations

from pydantic import NonNegativeInt, PositiveInt

from revloop.models.attention import LatentAttention
from revloop.models.families.base import FamilyConfig
from revloop.models.feed_forward import DenseFeedForward, ExpertFeedForward, FeedForward
from revloop.models.layers import Layer


class DeepseekConfig(FamilyConfig):
    """DeepSeek V2 and V3.

    The layer that predicts further tokens is not counted: only speculative decoding loads it.
    """

    intermediate_size: PositiveInt
    q_lora_rank: PositiveInt | None
    kv_lora_rank: PositiveInt
    qk_nope_head_dim: PositiveInt
    qk_rope_head_dim: PositiveInt
    v_head_dim: PositiveInt
    attention_bias: bool = False
    tie_word_embeddings: bool = False
    n_routed_experts: PositiveInt | None = None
    n_shared_experts: NonNegativeInt | None = None
    num_experts_per_tok: PositiveInt = 8
    moe_intermediate_size: PositiveInt | None = None
    first_k_dense_replace: NonNegativeInt = 0
    moe_layer_freq: PositiveInt = 1

    @property
    def tied_embeddings(self) -> bool:
        """As the config says."""
        return self.tie_word_embeddings

    def feed_forward(self, index: int) -> FeedForward:
        """A dense layer at the beginning, experts after it."""
        is_dense = index < self.first_k_dense_replace or index % self.moe_layer_freq
        if self.n_routed_experts is None or self.moe_intermediate_size is None or is_dense:
            return DenseFeedForward(size=self.intermediate_size)
        return ExpertFeedForward(
            experts=self.n_routed_experts,
            used=self.num_experts_per_tok,
            size=self.moe_intermediate_size,
            shared_size=(self.n_shared_experts or 0) * self.moe_intermediate_size,
        )

    def layer(self, index: int) -> Layer:
        """The decoder layer at a position, from 0."""
        return Layer(
            attention=LatentAttention(
                heads=self.num_attention_heads,
                query_rank=self.q_lora_rank,
                kv_rank=self.kv_lora_rank,
                plain_dim=self.qk_nope_head_dim,
                rotary_dim=self.qk_rope_head_dim,
                value_dim=self.v_head_dim,
                has_bias=self.attention_bias,
            ),
            feed_forward=self.feed_forward(index),
            norm_parameters=2 * self.hidden_size,
        )
