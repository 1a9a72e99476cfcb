"""Llama and its kin: RMS norms, a gated feed-forward layer, grouped-query attention."""

from __future__ import annotations

from pydantic import NonNegativeInt, PositiveInt

from revloop.models.attention import HeadAttention
from revloop.models.families.base import WindowedConfig
from revloop.models.feed_forward import DenseFeedForward, FeedForward
from revloop.models.layers import Layer


class LlamaConfig(WindowedConfig):
    """Llama, and what its kin change."""

    intermediate_size: PositiveInt
    num_key_value_heads: PositiveInt | None = None
    head_dim: PositiveInt | None = None
    attention_bias: bool = False
    mlp_bias: bool = False
    tie_word_embeddings: bool = False

    @property
    def tied_embeddings(self) -> bool:
        """As the config says."""
        return self.tie_word_embeddings

    @property
    def qkv_bias(self) -> bool:
        """Whether query, key and value projections have a bias."""
        return self.attention_bias

    @property
    def output_bias(self) -> bool:
        """Whether the attention's output projection has one."""
        return self.attention_bias

    @property
    def ffn_bias(self) -> bool:
        """Whether the feed-forward matrices have one."""
        return self.mlp_bias

    @property
    def head_norms(self) -> bool:
        """Whether queries and keys are normalised head by head."""
        return False

    @property
    def norms_per_layer(self) -> int:
        """One norm before the attention, one before the feed-forward layer."""
        return 2

    def is_local(self, index: int) -> bool:  # noqa: ARG002 - no layer is
        """Llama has no window."""
        return False

    def attention(self, index: int) -> HeadAttention:
        """The attention of a layer."""
        return HeadAttention(
            heads=self.num_attention_heads,
            kv_heads=self.num_key_value_heads or self.num_attention_heads,
            head_dim=self.head_dim or self.width_of_equal_heads,
            qkv_bias=self.qkv_bias,
            output_bias=self.output_bias,
            head_norms=self.head_norms,
            window=self.window(index),
        )

    def feed_forward(self, index: int) -> FeedForward:  # noqa: ARG002 - all layers are equal
        """The feed-forward part of a layer."""
        return DenseFeedForward(size=self.intermediate_size, has_bias=self.ffn_bias)

    def layer(self, index: int) -> Layer:
        """The decoder layer at a position, from 0."""
        return Layer(
            attention=self.attention(index),
            feed_forward=self.feed_forward(index),
            norm_parameters=self.norms_per_layer * self.hidden_size,
        )


class MistralConfig(LlamaConfig):
    """Mistral and Phi-3: no bias, and in some versions (Mistral 7B v0.1) a window in all layers."""

    num_key_value_heads: PositiveInt | None = 8
    max_position_embeddings: PositiveInt = 131_072
    sliding_window: NonNegativeInt | None = 4096

    @property
    def qkv_bias(self) -> bool:
        """None, whatever the config says."""
        return False

    @property
    def output_bias(self) -> bool:
        """None, whatever the config says."""
        return False

    @property
    def ffn_bias(self) -> bool:
        """None, whatever the config says."""
        return False

    def is_local(self, index: int) -> bool:  # noqa: ARG002 - all layers are
        """The window holds in all layers."""
        return True


class Phi3Config(MistralConfig):
    """Phi-3 and Phi-4: as Mistral, with as many key heads as heads unless the config says less."""

    num_key_value_heads: PositiveInt | None = None
    max_position_embeddings: PositiveInt = 4096
    sliding_window: NonNegativeInt | None = None


class Qwen2Config(MistralConfig):
    """Qwen2 and 2.5: only query, key and value have a bias; a window only if it is switched on."""

    num_key_value_heads: PositiveInt | None = None
    max_position_embeddings: PositiveInt = 32_768
    use_sliding_window: bool | None = False
    max_window_layers: int = 28

    @property
    def qkv_bias(self) -> bool:
        """Always."""
        return True

    def is_local(self, index: int) -> bool:
        """The window, if any, holds from this layer on."""
        return index >= self.max_window_layers


class Qwen3Config(LlamaConfig):
    """Qwen3: one norm for a layer's query heads, and one for its key heads."""

    head_dim: PositiveInt | None = 128
    max_position_embeddings: PositiveInt = 32_768
    sliding_window: NonNegativeInt | None = 4096
    use_sliding_window: bool | None = False
    max_window_layers: int = 28

    @property
    def ffn_bias(self) -> bool:
        """None, whatever the config says."""
        return False

    @property
    def head_norms(self) -> bool:
        """Always."""
        return True

    def is_local(self, index: int) -> bool:
        """The window, if any, holds from this layer on."""
        return index >= self.max_window_layers
