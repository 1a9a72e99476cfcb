"""The shape of a model: the sizes in its config.json, and counts that follow from them.

Counts are exact for the architectures named here: their layers are written down as transformers
builds them (``modeling_falcon.py``, ``modeling_llama.py`` and so on). Other architectures have no
shape, because a guess would look like a count.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PositiveInt, model_validator

from revloop.values import Frozen

VOCABULARY_PADDING = 64
"""vLLM rounds the rows of an embedding up to a multiple of this
(``DEFAULT_VOCAB_PADDING_SIZE`` in its ``vocab_parallel_embedding.py``)."""


class ModelShape(Frozen):
    """The sizes of a decoder-only language model that matter for serving it.

    Attributes:
        architecture: The class name that the config gives, such as ``FalconForCausalLM``.
        family: Its layer layout.
        layers: Number of decoder layers.
        hidden_size: Width of the residual stream.
        attention_heads: Number of query heads.
        kv_heads: Number of key heads, equal to that of value heads: fewer than query heads in
            grouped-query attention, 1 in multi-query attention.
        head_dim: Width of one head.
        vocabulary_size: Rows of the embedding, before vLLM pads them.
        ffn_size: Inner width of the feed-forward layer.
        ffn_is_gated: Three feed-forward matrices (gate, up, down) rather than two.
        qkv_bias: Whether the query, key and value projections have a bias.
        output_bias: Whether the attention's output projection has one.
        ffn_bias: Whether the feed-forward matrices have one.
        norm_parameters_per_layer: Parameters of a layer's norms.
        final_norm_parameters: Parameters of the norm after the last layer.
        tied_embeddings: Whether the output layer shares the embedding's weights.
        context_tokens: The longest sequence, prompt and answer together. (vLLM may allow more if
            the config scales its rotary embedding.)
        dtype: How the weights are stored, such as ``bfloat16``; None if the config does not say.
        quantization: The quantisation method of the weights; None for plain weights.
    """

    architecture: str
    family: Literal["falcon", "llama"]
    layers: PositiveInt
    hidden_size: PositiveInt
    attention_heads: PositiveInt
    kv_heads: PositiveInt
    head_dim: PositiveInt
    vocabulary_size: PositiveInt
    ffn_size: PositiveInt
    ffn_is_gated: bool
    qkv_bias: bool
    output_bias: bool
    ffn_bias: bool
    norm_parameters_per_layer: PositiveInt
    final_norm_parameters: PositiveInt
    tied_embeddings: bool
    context_tokens: PositiveInt
    dtype: str | None = None
    quantization: str | None = None

    @property
    def parameters(self) -> int:
        """Number of parameters; shared ones count once."""
        return self._count(gpus=1, vocabulary_rows=self.vocabulary_size)

    @property
    def padded_vocabulary_size(self) -> int:
        """Rows of the embedding in vLLM, over all GPUs."""
        return -(-self.vocabulary_size // VOCABULARY_PADDING) * VOCABULARY_PADDING

    def kv_heads_per_gpu(self, tensor_parallel_size: int) -> int:
        """Key heads on one GPU: at least one, since vLLM replicates them if they are too few."""
        return max(1, self.kv_heads // tensor_parallel_size)

    def parameters_per_gpu(self, tensor_parallel_size: int) -> int:
        """Parameters on one GPU, including vLLM's padding and replication."""
        return self._count(gpus=tensor_parallel_size, vocabulary_rows=self.padded_vocabulary_size)

    def kv_values_per_token(self, tensor_parallel_size: int) -> int:
        """KV cache values of a token on one GPU: a key and a value for each layer and head."""
        return 2 * self.layers * self.kv_heads_per_gpu(tensor_parallel_size) * self.head_dim

    def _count(self, *, gpus: int, vocabulary_rows: int) -> int:
        """Parameters on one GPU.

        Norms and the biases that follow an all-reduce (attention output, feed-forward output) are
        replicated; all else is split.
        """
        hidden, ffn = self.hidden_size, self.ffn_size // gpus
        query_width = self.attention_heads // gpus * self.head_dim
        qkv_width = query_width + 2 * self.kv_heads_per_gpu(gpus) * self.head_dim
        inward = 2 if self.ffn_is_gated else 1
        layer = (
            hidden * qkv_width
            + self.qkv_bias * qkv_width
            + query_width * hidden
            + self.output_bias * hidden
            + (inward + 1) * hidden * ffn
            + self.ffn_bias * (inward * ffn + hidden)
            + self.norm_parameters_per_layer
        )
        embeddings = vocabulary_rows // gpus * hidden * (1 if self.tied_embeddings else 2)
        return embeddings + self.layers * layer + self.final_norm_parameters


class _Config(BaseModel):
    """The fields that all known configs share, under their names in config.json."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    vocab_size: PositiveInt
    hidden_size: PositiveInt = Field(validation_alias=AliasChoices("hidden_size", "n_embed"))
    num_hidden_layers: PositiveInt = Field(
        validation_alias=AliasChoices("num_hidden_layers", "n_layer")
    )
    num_attention_heads: PositiveInt = Field(
        validation_alias=AliasChoices("num_attention_heads", "n_head")
    )
    max_position_embeddings: PositiveInt = 2048
    dtype: str | None = Field(None, validation_alias=AliasChoices("dtype", "torch_dtype"))
    quantization_config: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _heads_divide_the_hidden_size(self) -> Self:
        spelt_out = getattr(self, "head_dim", None)
        if spelt_out is None and self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size ({self.hidden_size}) is not a multiple of num_attention_heads "
                f"({self.num_attention_heads})"
            )
        return self

    def _common(self, architecture: str) -> dict[str, Any]:
        """The fields of the shape that all known configs give directly."""
        method = (self.quantization_config or {}).get("quant_method", "unnamed method")
        return {
            "architecture": architecture,
            "layers": self.num_hidden_layers,
            "hidden_size": self.hidden_size,
            "attention_heads": self.num_attention_heads,
            "vocabulary_size": self.vocab_size,
            "context_tokens": self.max_position_embeddings,
            "dtype": self.dtype,
            "quantization": None if self.quantization_config is None else str(method),
        }


class _FalconConfig(_Config):
    """A Falcon: RefinedWeb's old decoder (7B, RW) or the new one (40B, 180B, Falcon2-11B).

    As in transformers, a flag that is null is false.
    """

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

    def shape(self, architecture: str) -> ModelShape:
        """The shape under an architecture's name."""
        layer_norm = 2 * self.hidden_size
        return ModelShape(
            **self._common(architecture),
            family="falcon",
            kv_heads=self.kv_heads,
            head_dim=self.hidden_size // self.num_attention_heads,
            ffn_size=self.ffn_hidden_size or 4 * self.hidden_size,
            ffn_is_gated=False,
            qkv_bias=bool(self.bias),
            output_bias=bool(self.bias),
            ffn_bias=bool(self.bias),
            norm_parameters_per_layer=self.norms_per_layer * layer_norm,
            final_norm_parameters=layer_norm,
            tied_embeddings=self.tie_word_embeddings is not False,
        )


class _LlamaConfig(_Config):
    """Llama and its kin: RMS norms, a gated feed-forward, grouped-query attention."""

    intermediate_size: PositiveInt
    num_key_value_heads: PositiveInt | None = None
    head_dim: PositiveInt | None = None
    attention_bias: bool = False
    mlp_bias: bool = False
    tie_word_embeddings: bool = False

    def shape(self, architecture: str) -> ModelShape:
        """The shape under an architecture's name."""
        head_dim = self.head_dim or self.hidden_size // self.num_attention_heads
        return ModelShape(
            **self._common(architecture),
            family="llama",
            kv_heads=self.num_key_value_heads or self.num_attention_heads,
            head_dim=head_dim,
            ffn_size=self.intermediate_size,
            ffn_is_gated=True,
            qkv_bias=self.attention_bias,
            output_bias=self.attention_bias,
            ffn_bias=self.mlp_bias,
            norm_parameters_per_layer=2 * self.hidden_size,
            final_norm_parameters=self.hidden_size,
            tied_embeddings=self.tie_word_embeddings,
        )


class _MistralConfig(_LlamaConfig):
    """Mistral: a Llama without any bias, whatever the config says."""

    num_key_value_heads: PositiveInt | None = 8

    def shape(self, architecture: str) -> ModelShape:
        """The shape under an architecture's name."""
        no_bias = {"qkv_bias": False, "output_bias": False, "ffn_bias": False}
        return super().shape(architecture).model_copy(update=no_bias)


class _Qwen2Config(_LlamaConfig):
    """Qwen2 and 2.5: only the query, key and value projections have a bias."""

    def shape(self, architecture: str) -> ModelShape:
        """The shape under an architecture's name."""
        biases = {"qkv_bias": True, "output_bias": False, "ffn_bias": False}
        return super().shape(architecture).model_copy(update=biases)


class _Qwen3Config(_LlamaConfig):
    """Qwen3: one norm for a layer's query heads, and one for its key heads."""

    head_dim: PositiveInt | None = 128

    def shape(self, architecture: str) -> ModelShape:
        """The shape under an architecture's name."""
        shape = super().shape(architecture)
        norms = shape.norm_parameters_per_layer + 2 * shape.head_dim
        return shape.model_copy(update={"norm_parameters_per_layer": norms, "ffn_bias": False})


CONFIG_KINDS: dict[str, type[_FalconConfig | _LlamaConfig]] = {
    "FalconForCausalLM": _FalconConfig,
    # the first Falcon checkpoints, from before transformers had the model
    "RWForCausalLM": _FalconConfig,
    "LlamaForCausalLM": _LlamaConfig,
    "MistralForCausalLM": _MistralConfig,
    "Qwen2ForCausalLM": _Qwen2Config,
    "Qwen3ForCausalLM": _Qwen3Config,
}
"""The config of each architecture that has a shape."""
