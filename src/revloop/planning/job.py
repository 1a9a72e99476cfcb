"""Predict a job: how long a number of drafts take on a number of GPUs, and what limits it.

A roofline model: a step takes the longer of its arithmetic at the card's FLOP/s and its memory
reads at the card's bandwidth (Pope et al., arXiv 2211.05102, section 2). A forward pass takes 2
FLOPs a parameter and token, and attention 4 FLOPs a layer, width and attended position, half for
the scores and half for the weighted sum (Kaplan et al., arXiv 2001.08361, table 1). Prefill and
decoding are added up, though vLLM mixes them in one step, which overlaps them in part.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field, PositiveFloat, PositiveInt

from revloop.errors import DoesNotFitError
from revloop.planning.assumptions import Assumptions
from revloop.planning.cards import Card
from revloop.planning.layout import Layout, layouts
from revloop.planning.lengths import TokenLengths
from revloop.values import Frozen

if TYPE_CHECKING:
    from revloop.models.shape import ModelShape


_SHORT_CONTEXT_TOKENS = 8192
_LONGER_THAN_MEAN = 4


class Job(Frozen):
    """The work to plan for."""

    drafts: PositiveInt
    iterations: PositiveInt = Field(description="Most rounds for each draft.")
    lengths: TokenLengths

    @property
    def rounds(self) -> float:
        """Total rounds of all drafts."""
        return self.drafts * self.lengths.rounds_of(self.iterations)


class Limit(StrEnum):
    """What a job spends most of its time on."""

    PREFILL = "prefill FLOP/s"
    DECODE_FLOPS = "decode FLOP/s"
    DECODE_BANDWIDTH = "decode bandwidth"
    KV_CACHE = "KV cache"
    FEW_DRAFTS = "too few drafts"


class JobPlan(Frozen):
    """The prediction for a job.

    Attributes:
        job: The work.
        card: The GPU.
        layout: How the model is placed on the GPUs.
        assumptions: What was assumed.
        sequences_at_once: Trajectories that one replica runs at once.
        prefill_s: Seconds of a replica to prefill one round of one draft.
        compute_s: Seconds of arithmetic to decode it; 0 if memory reads take longer.
        weights_s: Seconds to read the weights for decoding it; 0 if arithmetic takes longer.
        kv_cache_s: Seconds to read the KV cache; 0 likewise.
        wall_s: Seconds for the whole job, with servers up and warm.
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
    def computes_in(self) -> str:
        """The number format that the card multiplies in."""
        return _peak(self.layout.stage.shape, self.card)[0]

    @property
    def peak_tflops(self) -> float:
        """The card's peak in that format, in 10^12 operations a second."""
        return _peak(self.layout.stage.shape, self.card)[1]

    @property
    def hours(self) -> float:
        """Duration in hours."""
        return self.wall_s / 3600

    @property
    def gpu_hours(self) -> float:
        """Hours of all GPUs, idle ones included: they are paid for."""
        return self.hours * self.layout.gpus

    @property
    def prompt_tokens(self) -> float:
        """Prompt tokens computed in all rounds, without cached ones."""
        return self.job.rounds * self.job.lengths.read_tokens

    @property
    def generated_tokens(self) -> float:
        """Tokens generated in all rounds."""
        return self.job.rounds * self.job.lengths.generated_tokens

    @property
    def tokens_per_s(self) -> float:
        """Generated tokens a second, over all replicas."""
        return self.generated_tokens / self.wall_s

    @property
    def shares(self) -> dict[str, float]:
        """Shares of the time, by what it is spent on."""
        parts = {
            "prefill": self.prefill_s,
            "decode: arithmetic": self.compute_s,
            "decode: reading weights": self.weights_s,
            "decode: reading the KV cache": self.kv_cache_s,
        }
        return {name: part / sum(parts.values()) for name, part in parts.items()}


class _Stage(NamedTuple):
    """Time of one decoding step in the slowest stage of a replica."""

    compute_s: float
    weights_s: float
    kv_cache_s: float

    @property
    def memory_s(self) -> float:
        return self.weights_s + self.kv_cache_s

    @property
    def step_s(self) -> float:
        return max(self.compute_s, self.memory_s)


def flops_per_token(
    shape: ModelShape, attended_tokens: float, *, is_prefill: bool = False
) -> float:
    """FLOPs of one token's forward pass, given the positions it attends to.

    2 for each parameter that multiplies something (an untied embedding is only looked up) and 4
    for each layer, width and position: see the module's sources. Of experts, a token passes those
    that it is sent to; a layer with a window attends to no more positions than that.
    """
    multiplied = shape.active_parameters
    if not shape.tied_embeddings:
        multiplied -= shape.vocabulary_size * shape.hidden_size
    attention = sum(
        count
        * each.flops_per_position(is_prefill=is_prefill)
        * min(attended_tokens, each.window or attended_tokens)
        for each, count in shape.attentions.items()
    )
    return 2 * multiplied + attention


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
    """Predict a job with its fastest layout.

    Args:
        shape: The model, from `revloop.models.config.read_shape`.
        card: The GPU, from `revloop.planning.card_named`.
        gpus: Number of GPUs.
        job: The work.
        assumptions: What a data sheet does not say; None for the defaults. If the model's context
            does not fit into a node, a shorter one is assumed.
        tensor_parallel_size: GPUs that share the model, or None for the fastest size.
        gpus_per_node: GPUs in one server, or None for the card's usual number.

    Raises:
        DoesNotFitError: The model does not fit, or a round does not fit its context.
        ModelConfigError: The weights are quantised by an unknown method and not in the folder.
    """
    assumed = assumptions or Assumptions()
    shape = shape.limited_to(assumed.max_model_len)
    longest = job.lengths.longest_tokens
    if longest > shape.context_tokens:
        raise DoesNotFitError(
            f"A round of {longest:,.0f} tokens does not fit the context of this "
            f"{shape.architecture}, {shape.context_tokens:,} tokens: give shorter lengths."
        )
    found = layouts(
        shape,
        gpus,
        gpu_memory_gib=card.memory_gib,
        gpus_per_node=gpus_per_node or card.gpus_per_node,
        tensor_parallel_size=tensor_parallel_size,
        gpu_memory_utilization=assumed.gpu_memory_utilization,
        enough_tokens=_enough_tokens(longest) if assumed.max_model_len is None else None,
    )
    served_tokens = found[0].stage.shape.context_tokens
    if served_tokens < shape.context_tokens:
        assumed = assumed.model_copy(update={"max_model_len": served_tokens})
    plans = [_predict(shape, card, layout, job, assumed) for layout in found]
    return min(plans, key=lambda planned: planned.wall_s)


def _enough_tokens(longest: float) -> int:
    """A length that a job's sequences hardly exceed, given its mean round."""
    return max(_SHORT_CONTEXT_TOKENS, math.ceil(_LONGER_THAN_MEAN * longest))


def _predict(
    shape: ModelShape, card: Card, layout: Layout, job: Job, assumed: Assumptions
) -> JobPlan:
    """The prediction for one layout."""
    lengths, stages = job.lengths, layout.pipeline_parallel_size
    drafts_each = math.ceil(job.drafts / layout.replicas)
    cached = layout.stage.sequences(math.ceil(lengths.longest_tokens)) or 0
    at_once = max(1, min(cached, assumed.max_num_seqs, drafts_each))
    flops_per_s = _peak(shape, card)[1] * 1e12 * assumed.flops_share * _speed(layout, assumed)
    read = lengths.read_tokens
    prefill_s = read * flops_per_token(shape, read / 2, is_prefill=True) / flops_per_s
    stage = _decoding(shape, card, layout, lengths, assumed=assumed, at_once=at_once)
    # the stages divide the sequences among them; with fewer sequences than stages, some wait
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
    """One decoding step in the slowest stage, with its share of the sequences."""
    sequences = max(1.0, at_once / layout.pipeline_parallel_size)
    each = layout.tensor_parallel_size * layout.pipeline_parallel_size
    speed = _speed(layout, assumed)
    bytes_per_s = card.bandwidth_gb_s * 1e9 * assumed.bandwidth_share * speed / each
    flops_per_s = _peak(shape, card)[1] * 1e12 * assumed.flops_share * speed
    held, context = layout.stage, lengths.mean_context_tokens
    return _Stage(
        compute_s=sequences * flops_per_token(shape, context) / flops_per_s,
        weights_s=held.weight_bytes_read(sequences) / bytes_per_s,
        kv_cache_s=sequences * held.kv_cache_bytes_read(context) / bytes_per_s,
    )


def _peak(shape: ModelShape, card: Card) -> tuple[str, float]:
    """The number format that the card multiplies in, and its peak in 10^12 operations a second.

    fp8 if weights and activations are in fp8 and the card has units for it.
    """
    in_fp8 = shape.quantization is not None and shape.quantization.computes_in_fp8
    if in_fp8 and card.fp8_tflops is not None:
        return "fp8", card.fp8_tflops
    return "bf16", card.bf16_tflops


def _speed(layout: Layout, assumed: Assumptions) -> float:
    """Speed of a replica as a multiple of one GPU's."""
    size, stages = layout.tensor_parallel_size, layout.pipeline_parallel_size
    kept = math.pow(assumed.tensor_parallel_share, math.log2(size))
    if stages > 1:
        kept *= assumed.pipeline_share
    return size * stages * kept


def _limit(prefill_s: float, stage: _Stage, *, of_drafts: bool, of_cache: bool) -> Limit:
    """What limits a replica, given its seconds of prefill for each decoding step."""
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
