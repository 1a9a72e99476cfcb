"""Falcon: RefinedWeb's old decoder (7B, RW) or the new one (40B, 180B, Falcon2-11B)."""

from __future__ import annotations

from pydantic import AliasChoices, Field, PositiveInt

from revloop.models.attention import HeadAttention
from revloop.models.families.base import FamilyConfig
from revloop.models.feed_forward import DenseFeedForward
from revloop.models.layers import Layer


class FalconConfig(FamilyConfig):
    """A Falcon. As in transformers, a flag that is null is false."""

    num_kv_heads: PositiveInt | None = Field(
        None, validation_alias=AliasChoices("num_kv_heads", "n_head_kv")
    )
    ffn_hidden_size: PositiveInt | None = None
    num_ln_in_parallel_attn: PositiveInt | None = None
    new_decoder_architecture: bool | None = False
    multi_query: bool | None = True
    parallel_attn: bool | None = True
    bias: bool | None = False
    tie_word_embeddings: bool | None = True

    @property
    def kv_heads(self) -> int:
        """The new decoder ignores multi_query; the old one ignores num_kv_heads."""
        if self.new_decoder_architecture:
            return self.num_kv_heads or self.num_attention_heads
        return 1 if self.multi_query else self.num_attention_heads

    @property
    def norms_per_layer(self) -> int:
        """One norm for attention and feed-forward together, or one for each."""
        default = 2 if self.new_decoder_architecture else 1
        parallel_norms = self.num_ln_in_parallel_attn or default
        return 2 if not self.parallel_attn or parallel_norms == 2 else 1

    @property
    def final_norm_parameters(self) -> int:
        """Layer norms have a weight and a bias."""
        return 2 * self.hidden_size

    @property
    def tied_embeddings(self) -> bool:
        """Tied unless the config says otherwise."""
        return self.tie_word_embeddings is not False

    def layer(self, index: int) -> Layer:  # noqa: ARG002 - all layers are equal
        """All layers are equal."""
        return Layer(
            attention=HeadAttention(
                heads=self.num_attention_heads,
                kv_heads=self.kv_heads,
                head_dim=self.width_of_equal_heads,
                qkv_bias=bool(self.bias),
                output_bias=bool(self.bias),
                module="self_attention",
            ),
            feed_forward=DenseFeedForward(
                size=self.ffn_hidden_size or 4 * self.hidden_size,
                is_gated=False,
                has_bias=bool(self.bias),
            ),
            norm_parameters=self.norms_per_layer * 2 * self.hidden_size,
        )
