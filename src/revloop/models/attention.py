"""The kinds of attention: their weights, their KV cache, their arithmetic.

``on one GPU`` means: as vLLM splits it over a number of GPUs, replicating what it cannot split.
"""

from __future__ import annotations

from pydantic import PositiveInt

from revloop.models.matrix import Matrix
from revloop.values import Frozen


class HeadAttention(Frozen):
    """Multi-head attention, with as many key heads as query heads or fewer (grouped, multi-query).

    Attributes:
        heads: Number of query heads.
        kv_heads: Number of key heads, equal to that of value heads.
        head_dim: Width of one head.
        qkv_bias: Whether the query, key and value projections have a bias.
        output_bias: Whether the output projection has one.
        head_norms: Norms over a head: one for queries and one for keys, or none.
        sinks: Whether each head has a learned logit that takes attention away from all tokens.
        window: Positions that a token attends to, itself included; None for all before it.
        module: Name of the attention module in a layer.
    """

    heads: PositiveInt
    kv_heads: PositiveInt
    head_dim: PositiveInt
    qkv_bias: bool = False
    output_bias: bool = False
    head_norms: bool = False
    sinks: bool = False
    window: PositiveInt | None = None
    module: str = "self_attn"

    def kv_heads_per_gpu(self, gpus: int) -> int:
        """Key heads on one GPU: at least one, since vLLM replicates them if they are too few."""
        return max(1, self.kv_heads // gpus)

    def matrices(self, hidden_size: int, gpus: int) -> tuple[Matrix, ...]:
        """The projections on one GPU."""
        queries = self.heads // gpus * self.head_dim
        keys = self.kv_heads_per_gpu(gpus) * self.head_dim
        inward = (("q_proj", queries), ("k_proj", keys), ("v_proj", keys))
        return (
            *(
                Matrix(f"{self.module}.{name}", hidden_size, width, self.qkv_bias)
                for name, width in inward
            ),
            Matrix(f"{self.module}.o_proj", queries, hidden_size, self.output_bias),
        )

    @property
    def vector_parameters(self) -> int:
        """Parameters outside of matrices and their biases."""
        return 2 * self.head_dim * self.head_norms + self.heads * self.sinks

    def kv_values(self, gpus: int) -> int:
        """KV cache values of one token on one GPU: a key and a value for each head."""
        return 2 * self.kv_heads_per_gpu(gpus) * self.head_dim

    def flops_per_position(self, *, is_prefill: bool) -> int:  # noqa: ARG002 - the same in both
        """FLOPs of one token for each position it attends to: scores, and the weighted sum."""
        return 4 * self.heads * self.head_dim

    def refusal(self, gpus: int) -> str | None:
        """Why vLLM cannot split it over a number of GPUs, or None if it can."""
        if self.heads % gpus:
            return f"its {self.heads} attention heads are not divisible by {gpus}"
        if self.kv_heads % gpus and gpus % self.kv_heads:
            return (
                f"its {self.kv_heads} KV heads can be neither split nor replicated evenly over "
                f"{gpus}"
            )
        return None

    def __str__(self) -> str:
        """Its KV heads, in words."""
        return f"{self.kv_heads} KV head{'s' if self.kv_heads > 1 else ''} of {self.head_dim}"


class LatentAttention(Frozen):
    """Multi-head latent attention: keys and values of all heads come from one cached vector.

    DeepSeek-V2, arXiv 2405.04434, section 2.1. vLLM caches the vector and the shared rotary key on
    every GPU (``MLAAttentionSpec`` has one KV head), and multiplies in the latent space.

    Attributes:
        heads: Number of heads.
        query_rank: Width that queries are compressed to; None if they are not.
        kv_rank: Width of the cached vector.
        plain_dim: Width of a head's query and key without position.
        rotary_dim: Width of the rotary query and key; all heads share the key.
        value_dim: Width of a head's value.
        has_bias: Whether the compressing and the output projections have a bias.
    """

    heads: PositiveInt
    query_rank: PositiveInt | None
    kv_rank: PositiveInt
    plain_dim: PositiveInt
    rotary_dim: PositiveInt
    value_dim: PositiveInt
    has_bias: bool = False

    window: None = None

    @property
    def kv_heads(self) -> int:
        """KV heads, as vLLM counts them: one vector for all heads."""
        return 1

    def matrices(self, hidden_size: int, gpus: int) -> tuple[Matrix, ...]:
        """The projections on one GPU: those that compress are replicated."""
        heads = self.heads // gpus
        queries = heads * (self.plain_dim + self.rotary_dim)
        found = [
            Matrix(
                "self_attn.kv_a_proj_with_mqa",
                hidden_size,
                self.kv_rank + self.rotary_dim,
                self.has_bias,
            ),
            Matrix("self_attn.kv_b_proj", self.kv_rank, heads * (self.plain_dim + self.value_dim)),
            Matrix("self_attn.o_proj", heads * self.value_dim, hidden_size, self.has_bias),
        ]
        if self.query_rank is None:
            return (Matrix("self_attn.q_proj", hidden_size, queries), *found)
        return (
            Matrix("self_attn.q_a_proj", hidden_size, self.query_rank, self.has_bias),
            Matrix("self_attn.q_b_proj", self.query_rank, queries),
            *found,
        )

    @property
    def vector_parameters(self) -> int:
        """The norms of the compressed query and of the cached vector."""
        return (self.query_rank or 0) + self.kv_rank

    def kv_values(self, gpus: int) -> int:  # noqa: ARG002 - not divided: see the class
        """KV cache values of one token on one GPU, whatever the number of GPUs."""
        return self.kv_rank + self.rotary_dim

    def flops_per_position(self, *, is_prefill: bool) -> int:
        """FLOPs of one token for each position it attends to: scores, and the weighted sum.

        Prefill computes keys and values of all heads; decoding stays in the latent space, which
        takes more arithmetic and reads less (``MLACommonImpl`` in vLLM).
        """
        if is_prefill:
            return 2 * self.heads * (self.plain_dim + self.rotary_dim + self.value_dim)
        return 2 * self.heads * (self.kv_rank + self.rotary_dim + self.kv_rank)

    def refusal(self, gpus: int) -> str | None:
        """Why vLLM cannot split it over a number of GPUs, or None if it can."""
        if self.heads % gpus:
            return f"its {self.heads} attention heads are not divisible by {gpus}"
        return None

    def __str__(self) -> str:
        """What it caches, in words."""
        return f"one latent vector of {self.kv_rank} + {self.rotary_dim}, not split"


Attention = HeadAttention | LatentAttention
