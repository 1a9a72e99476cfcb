"""A job's prediction as table rows, with every assumption."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.models.matrix import copies_touched
from revloop.planning.deployment_table import PlanRow
from revloop.planning.job import Limit
from revloop.values import duration

if TYPE_CHECKING:
    from revloop.planning.job import JobPlan
    from revloop.planning.layout import Layout

_EXPLANATIONS = {
    Limit.PREFILL: "prefill takes longer than decoding; more FLOP/s would help",
    Limit.DECODE_FLOPS: "the batch is large enough to be compute-bound; more FLOP/s would help",
    Limit.DECODE_BANDWIDTH: "each step reads weights and KV cache; more bandwidth would help",
    Limit.KV_CACHE: "with more memory, more drafts would share each read of the weights",
    Limit.FEW_DRAFTS: "a replica could run more drafts at once than it has; more GPUs hardly help",
}


def job_rows(planned: JobPlan) -> list[PlanRow]:
    """The rows of the prediction's table, with units and explanations."""
    job, layout = planned.job, planned.layout
    rounds = job.lengths.rounds_of(job.iterations)
    where = ", ".join(f"{name} {share:.0%}" for name, share in planned.shares.items() if share)
    return [
        PlanRow("Time", duration(planned.wall_s), "without the start of the servers"),
        PlanRow(
            "GPU hours",
            f"{planned.gpu_hours:,.3g}" if planned.gpu_hours < 100 else f"{planned.gpu_hours:,.0f}",
            f"{layout.gpus:,} x {planned.card.title}",
        ),
        PlanRow("Limited by", planned.limit.value, _EXPLANATIONS[planned.limit]),
        PlanRow("Where the time goes", "", where),
        PlanRow("Replicas", f"{layout.replicas:,}", _in_words(layout)),
        PlanRow(
            "Drafts at once",
            f"{planned.sequences_at_once * layout.replicas:,}",
            f"{planned.sequences_at_once:,} on each replica",
        ),
        PlanRow(
            "Drafts",
            f"{job.drafts:,}",
            f"{rounds:.3g} rounds each"
            + ("" if job.lengths.rounds else "; early stops would save some"),
        ),
        PlanRow(
            "Prompt tokens",
            f"{planned.prompt_tokens:.3g}",
            "computed once a round; the prefix cache has the rest",
        ),
        PlanRow(
            "Generated tokens",
            f"{planned.generated_tokens:.3g}",
            f"{planned.tokens_per_s:,.0f} a second",
        ),
        *_assumed(planned),
    ]


def _assumed(planned: JobPlan) -> list[PlanRow]:
    lengths, card, assumed = planned.job.lengths, planned.card, planned.assumptions
    tensor, pipeline = assumed.tensor_parallel_share, assumed.pipeline_share
    return [
        PlanRow(
            "Assumed: lengths",
            f"{lengths.prompt_tokens:.0f} + {lengths.critique_tokens:.0f} + "
            f"{lengths.revision_tokens:.0f}",
            "tokens of prompt, critique and revision",
        ),
        PlanRow(
            "Assumed: FLOP/s",
            f"{assumed.flops_share:.0%}",
            f"of {planned.peak_tflops:g} TFLOP/s in dense {planned.computes_in} ({card.source})",
        ),
        PlanRow(
            "Assumed: bandwidth",
            f"{assumed.bandwidth_share:.0%}",
            f"of {card.bandwidth_gb_s:g} GB/s",
        ),
        *_assumed_experts(planned),
        *_assumed_context(planned),
        PlanRow(
            "Assumed: splitting",
            f"{tensor:.0%}",
            "of the speed remains at each doubling of the tensor-parallel size; "
            f"{pipeline:.0%} in a pipeline",
        ),
        PlanRow(
            "Assumed: memory",
            f"{assumed.gpu_memory_utilization:.0%}",
            f"of {card.memory_gib:.1f} GiB is for vLLM; at most {assumed.max_num_seqs} drafts at "
            "once on a replica",
        ),
    ]


def _assumed_experts(planned: JobPlan) -> list[PlanRow]:
    """How many experts a decoding step reads, if the model has any."""
    layers = planned.layout.stage.shape.stack
    largest = max((each.layer.feed_forward for each in layers), key=lambda ffn: ffn.experts)
    if largest.experts == 1:
        return []
    tokens = planned.sequences_at_once / planned.layout.pipeline_parallel_size
    touched = copies_touched(largest.experts, largest.used, max(1.0, tokens))
    return [
        PlanRow(
            "Assumed: experts",
            f"{touched:.0f} of {largest.experts}",
            "are read in each step: tokens pick them evenly and independently",
        )
    ]


def _assumed_context(planned: JobPlan) -> list[PlanRow]:
    """The longest sequence served, if it is shorter than the model's context."""
    tokens = planned.assumptions.max_model_len
    if tokens is None:
        return []
    explanation = "tokens of the longest sequence: serve with --max-model-len"
    return [PlanRow("Assumed: context", f"{tokens:,}", explanation)]


def _in_words(layout: Layout) -> str:
    size, stages = layout.tensor_parallel_size, layout.pipeline_parallel_size
    words = f"tensor-parallel size {size}"
    if stages > 1:
        words += f", pipeline over {stages} nodes"
    words += f"; {layout.nodes:,} node{'s' if layout.nodes > 1 else ''} of {layout.gpus_per_node}"
    idle = layout.idle_gpus
    return words + (f"; {idle} GPU{'s' if idle > 1 else ''} idle" if idle else "")
