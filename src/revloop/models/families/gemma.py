"""Gemma: large embeddings that are tied, four norms a layer, and from Gemma 2 on local layers."""

from __future__ import annotations

from pydantic import AliasChoices, Field, NonNegativeInt, PositiveInt

from revloop.models.families.llama import LlamaConfig


class GemmaConfig(LlamaConfig):
    """Gemma: a Llama with heads of 256 and tied embeddings."""

    head_dim: PositiveInt | None = 256
    max_position_embeddings: PositiveInt = 8192
    tie_word_embeddings: bool = True


class Gemma2Config(GemmaConfig):
    """Gemma 2: every other layer, from the first on, attends within a window."""

    sliding_window: NonNegativeInt | None = 4096

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
