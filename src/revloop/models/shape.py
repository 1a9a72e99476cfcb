"""The shape of a model: the sizes in its config.json, and counts that follow from them.

Counts are exact for the architectures in `revloop.models.families`: their layers are written down
as transformers builds them. Other architectures have no shape, because a guess would look like a
count.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pydantic import NonNegativeInt, PositiveInt

from revloop.errors import DoesNotFitError
from revloop.models.kv_cache import CacheLayout, cache_layout
from revloop.models.layers import Layers
from revloop.models.quantization import Quantization
from revloop.values import Frozen

if TYPE_CHECKING:
    from revloop.models.attention import Attention

VOCABULARY_PADDING = 64
"""vLLM rounds the rows of an embedding up to a multiple of this
(``DEFAULT_VOCAB_PADDING_SIZE`` in its ``vocab_parallel_embedding.py``)."""

DTYPE_BYTES = {"float32": 4, "float": 4, "bfloat16": 2, "float16": 2, "half": 2}
"""Bytes of a value, by the names that configs and vLLM use."""


class ModelShape(Frozen):
    """The sizes of a decoder-only language model that matter for serving it.

    Attributes:
        architecture: The class name that the config gives, such as ``FalconForCausalLM``.
        hidden_size: Width of the residual stream.
        vocabulary_size: Rows of the embedding, before vLLM pads them.
        stack: The decoder layers, equal ones together.
        final_norm_parameters: Parameters of the norm after the last layer.
        tied_embeddings: Whether the output layer shares the embedding's weights.
        context_tokens: The longest sequence, prompt and answer together. (vLLM may allow more if
            the config scales its rotary embedding.)
        vision_parameters: Parameters of the part that reads images; vLLM loads it too.
        dtype: How the weights are stored, such as ``bfloat16``; None if the config does not say.
        quantization: The quantisation of the weights; None for plain weights.
        stored_bytes: Size of the weights in the model's folder; None if they are not there.
    """

    architecture: str
    hidden_size: PositiveInt
    vocabulary_size: PositiveInt
    stack: tuple[Layers, ...]
    final_norm_parameters: PositiveInt
    tied_embeddings: bool
    context_tokens: PositiveInt
    vision_parameters: NonNegativeInt = 0
    dtype: str | None = None
    quantization: Quantization | None = None
    stored_bytes: PositiveInt | None = None

    @property
    def layers(self) -> int:
        """Number of decoder layers."""
        return sum(each.count for each in self.stack)

    @property
    def attentions(self) -> dict[Attention, int]:
        """The kinds of attention, and how many layers have each."""
        found: Counter[Attention] = Counter()
        for each in self.stack:
            found[each.layer.attention] += each.count
        return dict(found)

    @property
    def attention(self) -> Attention:
        """The attention of the first layer; others differ at most in their window."""
        return self.stack[0].layer.attention

    @property
    def attention_heads(self) -> int:
        """Number of query heads."""
        return self.attention.heads

    @property
    def parameters(self) -> int:
        """Number of parameters; shared ones count once."""
        layers = sum(each.parameters(self.hidden_size) for each in self.stack)
        return self._embedding_parameters + layers + self._other_parameters

    @property
    def active_parameters(self) -> int:
        """Parameters that one token uses: of experts, only those that it is sent to."""
        layers = sum(each.active_parameters(self.hidden_size) for each in self.stack)
        return self._embedding_parameters + layers + self.final_norm_parameters

    @property
    def has_experts(self) -> bool:
        """Whether a token uses a part of the layers only."""
        return self.active_parameters < self.parameters - self.vision_parameters

    @property
    def _embedding_parameters(self) -> int:
        return self.vocabulary_size * self.hidden_size * (1 if self.tied_embeddings else 2)

    @property
    def _other_parameters(self) -> int:
        return self.final_norm_parameters + self.vision_parameters

    @property
    def padded_vocabulary_size(self) -> int:
        """Rows of the embedding in vLLM, over all GPUs."""
        return -(-self.vocabulary_size // VOCABULARY_PADDING) * VOCABULARY_PADDING

    def parameters_per_gpu(self, tensor_parallel_size: int) -> int:
        """Parameters on one GPU, including vLLM's padding and replication."""
        rows = self.padded_vocabulary_size // tensor_parallel_size
        embeddings = rows * self.hidden_size * (1 if self.tied_embeddings else 2)
        layers = sum(each.parameters(self.hidden_size, tensor_parallel_size) for each in self.stack)
        return embeddings + layers + self._other_parameters

    @property
    def weight_bytes_are_known(self) -> bool:
        """Whether weights have a known size: not if an unknown method quantised them."""
        method = self.quantization
        return method is None or method.scheme is not None or self.stored_bytes is not None

    def weight_bytes(self, value_bytes: int) -> int:
        """Bytes of all weights: as stored, if the folder has them, or else as computed.

        Args:
            value_bytes: Bytes of a value that is not quantised, as served.
        """
        if self.stored_bytes is not None and self.weights_are_stored(value_bytes):
            return self.stored_bytes
        return int(self._computed_bytes(0, value_bytes))

    def weight_bytes_per_gpu(
        self, tensor_parallel_size: int, value_bytes: int, *, tokens: float | None = None
    ) -> int:
        """Bytes of the weights on one GPU, including vLLM's padding and replication.

        Args:
            tensor_parallel_size: GPUs that share the model.
            value_bytes: Bytes of a value that is not quantised, as served.
            tokens: Count only what a step with so many tokens reads; None for all.
        """
        computed = self._computed_bytes(tensor_parallel_size, value_bytes, tokens=tokens)
        if self.stored_bytes is None or not self.weights_are_stored(value_bytes):
            return int(computed)
        return int(computed * self.stored_bytes / self._computed_bytes(0, value_bytes))

    def weights_are_stored(self, value_bytes: int) -> bool:
        """Whether weights are in the folder and are loaded as they are, not cast."""
        if self.stored_bytes is None:
            return False
        return self.quantization is not None or DTYPE_BYTES.get(self.dtype or "") == value_bytes

    def _computed_bytes(self, gpus: int, value_bytes: int, *, tokens: float | None = None) -> float:
        """Bytes on one of some GPUs, or of the checkpoint for 0."""
        rows = self.padded_vocabulary_size // gpus if gpus else self.vocabulary_size
        embedding = float(rows * self.hidden_size * value_bytes)
        output = 0.0 if self.tied_embeddings else embedding
        method = self.quantization
        if method is not None and method.output_layer and method.scheme is not None:
            output = min(output, method.scheme.bytes_of(self.hidden_size, rows))
        layers = sum(
            each.weight_bytes(self.hidden_size, gpus, value_bytes, method, tokens=tokens)
            for each in self.stack
        )
        return embedding + output + layers + self._other_parameters * value_bytes

    def kv_values_per_token(self, tensor_parallel_size: int) -> int:
        """KV cache values of a token on one GPU, over all layers."""
        return self.kv_values_read(1, tensor_parallel_size)

    def kv_values_read(self, context_tokens: float, tensor_parallel_size: int) -> int:
        """KV cache values that a token reads on one GPU, given its position in the sequence."""
        return int(
            sum(
                count
                * attention.kv_values(tensor_parallel_size)
                * min(context_tokens, attention.window or context_tokens)
                for attention, count in self.attentions.items()
            )
        )

    @property
    def cache_layout(self) -> CacheLayout:
        """How vLLM divides the KV cache."""
        counts: Counter[int | None] = Counter()
        for attention, count in self.attentions.items():
            counts[attention.window] += count
        return cache_layout(counts)

    def limited_to(self, tokens: int | None) -> ModelShape:
        """The same model for sequences up to a length; None for its own context.

        Raises:
            DoesNotFitError: The model's context is shorter.
        """
        if tokens is None:
            return self
        if tokens > self.context_tokens:
            raise DoesNotFitError(
                f"The context of this {self.architecture} is {self.context_tokens:,} tokens, so "
                f"--max-model-len {tokens} is too long."
            )
        return self.model_copy(update={"context_tokens": tokens})

    def part(self, stages: int) -> ModelShape:
        """The largest of equal parts of the layers, with all embeddings: an upper bound."""
        fewer = tuple(
            each.model_copy(update={"count": -(-each.count // stages)}) for each in self.stack
        )
        part = self.model_copy(update={"stack": fewer})
        if self.stored_bytes is None:
            return part
        share = part._computed_bytes(0, 2) / self._computed_bytes(0, 2)  # noqa: SLF001 - own class
        return part.model_copy(update={"stored_bytes": int(self.stored_bytes * share)})
