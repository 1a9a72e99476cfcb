"""Llama 4: experts in all layers or every other one, three local layers to a global one."""

from __future__ import annotations

from pydantic import PositiveInt

from revloop.models.families.llama import LlamaConfig
from revloop.models.feed_forward import DenseFeedForward, ExpertFeedForward, FeedForward


class Llama4TextConfig(LlamaConfig):
    """The text part of Llama 4; its norms over queries and keys have no parameters.

    A local layer attends within chunks: its cache holds at most one, as with a window.
    """

    intermediate_size_mlp: PositiveInt = 16_384
    num_local_experts: PositiveInt = 16
    num_experts_per_tok: PositiveInt = 1
    interleave_moe_layer_step: PositiveInt = 1
    moe_layers: list[int] | None = None
    no_rope_layers: list[int] | None = None
    no_rope_layer_interval: PositiveInt = 4
    attention_chunk_size: PositiveInt | None = 8192
    head_dim: PositiveInt | None = 128

    def is_local(self, index: int) -> bool:
        """Layers with rotary positions are local: in ``no_rope_layers`` those with a 1."""
        if self.no_rope_layers and index < len(self.no_rope_layers):
            return bool(self.no_rope_layers[index])
        return (index + 1) % self.no_rope_layer_interval != 0

    def window(self, index: int) -> int | None:
        """The chunk of a local layer."""
        return self.attention_chunk_size if self.is_local(index) else None

    def feed_forward(self, index: int) -> FeedForward:
        """Experts with a shared one, or a dense layer."""
        step = self.interleave_moe_layer_step
        layers = self.moe_layers
        has_experts = (index + 1) % step == 0 if layers is None else index in layers
        if not has_experts:
            return DenseFeedForward(size=self.intermediate_size_mlp)
        return ExpertFeedForward(
            experts=self.num_local_experts,
            used=self.num_experts_per_tok,
            size=self.intermediate_size,
            shared_size=self.intermediate_size,
            router="feed_forward.router",
            module="feed_forward",
        )
