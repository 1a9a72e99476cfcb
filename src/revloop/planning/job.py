"""Plan a whole job: how long so many drafts take on so many GPUs, and what limits it.

A roofline: each step takes as long as its arithmetic at the card's FLOP/s or as its reading of
memory at the card's bandwidth, whichever is longer (Pope et al., arXiv 2211.05102, section 2). A
forward pass takes 2 FLOPs a parameter and token, and attention 4 FLOPs a layer, width and position
looked at, one half for the scores and one for the sum of the values (Kaplan et al., arXiv
2001.08361, table 1). Prefill and decoding are added up, though vLLM mixes them in one step, and so
hides a part of one behind the other.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field, PositiveFloat, PositiveInt

from revloop.errors import DoesNotFitError
from revloop.planning.cards import Card
from revloop.planning.deployment import GPU_MEMORY_UTILIZATION
from revloop.planning.layout import Layout, layouts
from revloop.planning.lengths import TokenLengths
from revloop.values import Frozen

if TYPE_CHECKING:
    from revloop.models.shape import ModelShape


class Assumptions(Frozen):
    """What a data sheet does not tell. None of the defaults has been measured by revloop."""

    flops_share: float = Field(
        0.5,
        ge=0.01,
        le=1,
        description="Share of the card's FLOP/s that is reached. Pope et al. reached 0.76 with "
        "large batches, with more care than a general engine takes.",
    )
    bandwidth_share: float = Field(
        0.7, ge=0.01, le=1, description="Share of the card's memory bandwidth that is reached."
    )
    tensor_parallel_share: float = Field(
        0.9,
        ge=0.01,
        le=1,
        description="Speed that each GPU keeps whenever the tensor-parallel size doubles, for the "
        "all-reduces after each layer. For cards with NVLink: without, take less.",
    )
    pipeline_share: float = Field(
        0.8,
        ge=0.01,
        le=1,
        description="Speed that each GPU keeps in a pipeline over several nodes.",
    )
    max_num_seqs: PositiveInt = Field(
        256, description="Sequences that one replica runs at once, as vLLM's option is called."
    )
    gpu_memory_utilization: float = Field(
        GPU_MEMORY_UTILIZATION, ge=0.01, le=1, description="Share of the memory that vLLM may use."
    )


class Job(Frozen):
    """What is to be done."""

    drafts: PositiveInt
    iterations: PositiveInt = Field(description="Rounds that each draft goes through at most.")
    lengths: TokenLengths

    @property
    def rounds(self) -> float:
        """Rounds of all drafts together."""
        return self.drafts * self.lengths.rounds_of(self.iterations)


class Limit(StrEnum):
    """What a job spends most of its time on, and so what would speed it up."""

    PREFILL = "prefill FLOP/s"
    DECODE_FLOPS = "decode FLOP/s"
    DECODE_BANDWIDTH = "decode bandwidth"
    KV_CACHE = "KV cache"
    FEW_DRAFTS = "too few drafts"


class JobPlan(Frozen):
    """A job's prediction.

    Attributes:
        job: What is to be done.
        card: The GPU.
        layout: How the model lies on the GPUs.
        assumptions: What was assumed.
        sequences_at_once: Trajectories that one replica runs at once.
        prefill_s: Seconds that one round of one draft costs a replica for reading its prompt.
        compute_s: The same for decoding, if its arithmetic takes longer than its reading; else 0.
        weights_s: The same for reading weights while decoding; 0 if arithmetic takes longer.
        kv_cache_s: The same for reading the KV cache.
        wall_s: Seconds that the whole job takes, servers up and warm.
        limit: What limits it.
    """

    job: Job
    card: Card
    layout: Layout
    assumptions: Assumptions
    sequences_at_once: PositiveInt
    prefill_s: PositiveFloat
    compute_s: float = Field(ge=0)
    weights_s: float = Field(ge=0)
    kv_cache_s: float = Field(ge=0)
    wall_s: PositiveFloat
    limit: Limit

    @property
    def hours(self) -> float:
        """How long it takes, in hours."""
        return self.wall_s / 3600

    @property
    def gpu_hours(self) -> float:
        """Hours of all GPUs together, idle ones included: they are paid for."""
        return self.hours * self.layout.gpus

    @property
    def prompt_tokens(self) -> float:
        """Prompt tokens that are computed, all rounds together; cached ones are not counted."""
        return self.job.rounds * self.job.lengths.read_tokens

    @property
    def generated_tokens(self) -> float:
        """Tokens that are generated, all rounds together."""
        return self.job.rounds * self.job.lengths.generated_tokens

    @property
    def tokens_per_s(self) -> float:
        """Generated tokens a second, over all replicas."""
        return self.generated_tokens / self.wall_s

    @property
    def shares(self) -> dict[str, float]:
        """Where the time goes."""
        parts = {
            "prefill": self.prefill_s,
            "decode: arithmetic": self.compute_s,
            "decode: reading weights": self.weights_s,
            "decode: reading the KV cache": self.kv_cache_s,
        }
        return {name: part / sum(parts.values()) for name, part in parts.items()}


class _Stage(NamedTuple):
    """What one step of decoding costs the slowest stage of a replica."""

    compute_s: float
    weights_s: float
    kv_cache_s: float

    @property
    def memory_s(self) -> float:
        return self.weights_s + self.kv_cache_s

    @property
    def step_s(self) -> float:
        return max(self.compute_s, self.memory_s)


def flops_per_token(shape: ModelShape, attended_tokens: float) -> float:
    """FLOPs of one token's forward pass that looks at so many positions.

    2 for each parameter that multiplies something (an embedding that is not tied is looked up, not
    multiplied) and 4 for each layer, width and position: the module names the sources.
    """
    multiplied = shape.parameters
    if not shape.tied_embeddings:
        multiplied -= shape.vocabulary_size * shape.hidden_size
    width = shape.attention_heads * shape.head_dim
    return 2 * multiplied + 4 * shape.layers * width * attended_tokens


def plan_job(
    shape: ModelShape,
    card: Card,
    gpus: int,
    job: Job,
    *,
    assumptions: Assumptions | None = None,
    tensor_parallel_size: int | None = None,
    gpus_per_node: int | None = None,
) -> JobPlan:
    """Predict a job, with the layout that is done first.

    Args:
        shape: The model, from `revloop.serving.read_shape`.
        card: The GPU, from `revloop.serving.card_named`.
        gpus: How many there are.
        job: What is to be done.
        assumptions: What a data sheet does not tell; None for the defaults.
        tensor_parallel_size: GPUs that share the model, or None for the size that is fastest.
        gpus_per_node: GPUs in one server, or None for the card's usual number.

    Raises:
        DoesNotFitError: The model does not fit, or a round does not fit its context.
        ModelConfigError: The weights are quantised, so the config does not tell their size.
    """
    assumed = assumptions or Assumptions()
    longest = job.lengths.longest_tokens
    if longest > shape.context_tokens:
        raise DoesNotFitError(
            f"A round of {longest:,.0f} tokens does not fit the context of this "
            f"{shape.architecture}, {shape.context_tokens:,} tokens: name shorter lengths."
        )
    found = layouts(
        shape,
        gpus,
        gpu_memory_gib=card.memory_gib,
        gpus_per_node=gpus_per_node or card.gpus_per_node,
        tensor_parallel_size=tensor_parallel_size,
        gpu_memory_utilization=assumed.gpu_memory_utilization,
    )
    plans = [_predict(shape, card, layout, job, assumed) for layout in found]
    return min(plans, key=lambda planned: planned.wall_s)


def _predict(
    shape: ModelShape, card: Card, layout: Layout, job: Job, assumed: Assumptions
) -> JobPlan:
    """The figures of one layout."""
    lengths, stages = job.lengths, layout.pipeline_parallel_size
    drafts_each = math.ceil(job.drafts / layout.replicas)
    cached = math.floor((layout.stage.kv_cache_tokens or 0) / lengths.longest_tokens)
    at_once = max(1, min(cached, assumed.max_num_seqs, drafts_each))
    flops_per_s = card.bf16_tflops * 1e12 * assumed.flops_share * _speed(layout, assumed)
    read = lengths.read_tokens
    prefill_s = read * flops_per_token(shape, read / 2) / flops_per_s
    stage = _decoding(shape, card, layout, lengths, assumed=assumed, at_once=at_once)
    # each stage has a share of the sequences in hand; with fewer of them than stages, some wait
    each_s = lengths.generated_tokens * stages / at_once
    in_memory_s = 0.0 if stage.compute_s > stage.memory_s else each_s
    round_s = prefill_s + each_s * stage.step_s
    return JobPlan(
        job=job,
        card=card,
        layout=layout,
        assumptions=assumed,
        sequences_at_once=at_once,
        prefill_s=prefill_s,
        compute_s=(each_s - in_memory_s) * stage.compute_s,
        weights_s=in_memory_s * stage.weights_s,
        kv_cache_s=in_memory_s * stage.kv_cache_s,
        wall_s=drafts_each * lengths.rounds_of(job.iterations) * round_s,
        limit=_limit(
            prefill_s / each_s,
            stage,
            of_drafts=drafts_each < min(cached, assumed.max_num_seqs),
            of_cache=cached < assumed.max_num_seqs,
        ),
    )


def _decoding(
    shape: ModelShape,
    card: Card,
    layout: Layout,
    lengths: TokenLengths,
    *,
    assumed: Assumptions,
    at_once: int,
) -> _Stage:
    """One step of decoding in the slowest stage, which has its share of the sequences."""
    sequences = max(1.0, at_once / layout.pipeline_parallel_size)
    each = layout.tensor_parallel_size * layout.pipeline_parallel_size
    speed = _speed(layout, assumed)
    bytes_per_s = card.bandwidth_gb_s * 1e9 * assumed.bandwidth_share * speed / each
    flops_per_s = card.bf16_tflops * 1e12 * assumed.flops_share * speed
    held, context = layout.stage, lengths.mean_context_tokens
    return _Stage(
        compute_s=sequences * flops_per_token(shape, context) / flops_per_s,
        weights_s=held.weight_bytes_per_gpu / bytes_per_s,
        kv_cache_s=sequences * context * held.kv_cache_bytes_per_token_per_gpu / bytes_per_s,
    )


def _speed(layout: Layout, assumed: Assumptions) -> float:
    """How many times faster a replica is than one of its GPUs alone."""
    size, stages = layout.tensor_parallel_size, layout.pipeline_parallel_size
    kept = math.pow(assumed.tensor_parallel_share, math.log2(size))
    if stages > 1:
        kept *= assumed.pipeline_share
    return size * stages * kept


def _limit(prefill_s: float, stage: _Stage, *, of_drafts: bool, of_cache: bool) -> Limit:
    """What limits a replica whose prefill for one step of decoding takes so long."""
    if prefill_s >= stage.step_s:
        return Limit.PREFILL
    if stage.compute_s >= stage.memory_s:
        return Limit.DECODE_FLOPS
    if stage.weights_s > stage.kv_cache_s:
        if of_drafts:
            return Limit.FEW_DRAFTS
        if of_cache:
            return Limit.KV_CACHE
    return Limit.DECODE_BANDWIDTH
