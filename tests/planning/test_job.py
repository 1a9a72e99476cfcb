"""The prediction of a job: computed by hand, at extremes, and by properties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.errors import DoesNotFitError, ModelConfigError
from revloop.models.config import known_shape
from revloop.planning import (
    CARDS,
    Assumptions,
    Card,
    Job,
    JobPlan,
    Limit,
    TokenLengths,
    card_named,
    plan_job,
)
from revloop.planning.job import flops_per_token
from tests.helpers.model_configs import FALCON_40B, LLAMA_3_8B, QWEN2_500M

if TYPE_CHECKING:
    from revloop.models.shape import ModelShape

H100 = card_named("h100")
PERFECT = Assumptions(
    flops_share=1.0,
    bandwidth_share=1.0,
    tensor_parallel_share=1.0,
    pipeline_share=1.0,
    gpu_memory_utilization=1.0,
)


def shape_of(config: dict[str, Any]) -> ModelShape:
    shape = known_shape(config, "a model")
    assert shape is not None
    return shape


FALCON = shape_of(FALCON_40B)
LONGER = FALCON.model_copy(update={"context_tokens": 100_000})


def job(drafts: int = 100_000, iterations: int = 5, **lengths: float) -> Job:
    return Job(drafts=drafts, iterations=iterations, lengths=TokenLengths(**lengths))


def planned(
    gpus: int = 16,
    card: Card = H100,
    shape: ModelShape = FALCON,
    asked: Job | None = None,
    **options: Any,
) -> JobPlan:
    return plan_job(shape, card, gpus, asked or job(), **options)


def test_falcon_40b_by_hand() -> None:
    """41.3 billion parameters on two perfect H100s, one round of 100 + 100 + 200 tokens, batch 8.

    Reading 300 tokens: 300 x (2 x 41.3e9 + 4 x 60 x 8192 x 150) FLOPs = 24.87e12, at 1.978e15 a
    second 12.6 ms. A step of decoding reads 82.6e9 bytes of weights and 8 x 450 x 122,880 bytes of
    KV cache, at 6.7e12 bytes a second: 12.33 + 0.07 = 12.40 ms. 300 of them for 8 drafts: 465 ms
    a draft. With prefill 477.6 ms, and 80 drafts take 38.2 s.
    """
    figures = planned(
        2,
        asked=job(80, 1, prompt_tokens=100, critique_tokens=100, revision_tokens=200),
        assumptions=PERFECT.model_copy(update={"max_num_seqs": 8}),
    )
    assert figures.layout.tensor_parallel_size == 2
    assert figures.prefill_s == pytest.approx(12.6e-3, rel=5e-3)
    assert figures.weights_s == pytest.approx(300 / 8 * 12.33e-3, rel=5e-3)
    assert figures.kv_cache_s == pytest.approx(300 / 8 * 0.066e-3, rel=1e-2)
    assert figures.compute_s == 0
    assert figures.wall_s == pytest.approx(38.2, rel=5e-3)
    assert figures.gpu_hours == pytest.approx(2 * 38.2 / 3600, rel=5e-3)
    assert figures.generated_tokens == 80 * 300
    assert figures.prompt_tokens == 80 * 300
    assert figures.tokens_per_s == pytest.approx(80 * 300 / 38.2, rel=5e-3)
    assert figures.limit is Limit.DECODE_BANDWIDTH


def test_a_token_takes_two_flops_a_parameter_and_four_for_each_position() -> None:
    assert flops_per_token(FALCON, 0) == 2 * FALCON.parameters
    assert flops_per_token(FALCON, 100) - flops_per_token(FALCON, 0) == 4 * 60 * 8192 * 100


def test_an_embedding_that_is_only_looked_up_takes_no_flops() -> None:
    llama, qwen = shape_of(LLAMA_3_8B), shape_of(QWEN2_500M)
    assert flops_per_token(llama, 0) == 2 * (llama.parameters - 128256 * 4096)
    assert flops_per_token(qwen, 0) == 2 * qwen.parameters


GPUS = st.integers(2, 300)
SOME_CARD = st.sampled_from([card for card in CARDS if card.memory_gib >= 79])


@given(GPUS, st.integers(0, 100), SOME_CARD, st.integers(1, 200_000))
def test_more_gpus_are_never_slower(gpus: int, more: int, card: Card, drafts: int) -> None:
    fewer = planned(gpus, card, asked=job(drafts))
    assert planned(gpus + more, card, asked=job(drafts)).wall_s <= fewer.wall_s * (1 + 1e-9)


@given(GPUS, SOME_CARD, st.integers(1, 50))
def test_hours_are_linear_in_drafts_where_there_are_many(gpus: int, card: Card, times: int) -> None:
    # enough drafts that a replica's last, smaller batch does not matter
    once, many = (planned(gpus, card, asked=job(10**7 * n)) for n in (1, times))
    assert many.hours == pytest.approx(times * once.hours, rel=1e-4)
    assert many.gpu_hours == pytest.approx(times * once.gpu_hours, rel=1e-4)


@given(st.integers(1, 20), GPUS)
def test_hours_are_linear_in_rounds(iterations: int, gpus: int) -> None:
    once = planned(gpus, asked=job(iterations=1))
    assert planned(gpus, asked=job(iterations=iterations)).wall_s == pytest.approx(
        iterations * once.wall_s
    )


@given(
    GPUS,
    SOME_CARD,
    st.floats(0.1, 1),
    st.sampled_from(["flops_share", "bandwidth_share", "tensor_parallel_share"]),
)
def test_a_worse_assumption_is_never_faster(gpus: int, card: Card, share: float, name: str) -> None:
    worse = PERFECT.model_copy(update={name: share})
    assert (
        planned(gpus, card, assumptions=worse).wall_s
        >= planned(gpus, card, assumptions=PERFECT).wall_s
    )


@given(GPUS, SOME_CARD, st.integers(1, 10**7))
def test_the_shares_of_the_time_are_all_of_it(gpus: int, card: Card, drafts: int) -> None:
    figures = planned(gpus, card, asked=job(drafts))
    assert sum(figures.shares.values()) == pytest.approx(1)
    assert figures.sequences_at_once * figures.layout.replicas >= min(drafts, 1)
    parts_s = figures.prefill_s + figures.compute_s + figures.weights_s + figures.kv_cache_s
    drafts_each = -(-drafts // figures.layout.replicas)
    assert figures.wall_s == pytest.approx(drafts_each * 5 * parts_s)


def test_long_prompts_and_short_texts_are_limited_by_prefill() -> None:
    figures = planned(
        asked=job(prompt_tokens=1900, critique_tokens=4, revision_tokens=4), shape=FALCON
    )
    assert figures.limit is Limit.PREFILL
    assert figures.shares["prefill"] > 0.9


def test_a_small_batch_is_limited_by_bandwidth() -> None:
    figures = planned(assumptions=Assumptions(max_num_seqs=4))
    assert figures.limit is Limit.DECODE_BANDWIDTH
    assert figures.sequences_at_once == 4


def test_long_contexts_are_limited_by_bandwidth_since_the_cache_is_read_too() -> None:
    figures = planned(
        2,
        card_named("h200"),
        LONGER,
        job(prompt_tokens=20_000, critique_tokens=9_000, revision_tokens=9_000),
        tensor_parallel_size=2,
        assumptions=Assumptions(bandwidth_share=0.2),
    )
    assert figures.kv_cache_s > figures.weights_s
    assert figures.limit is Limit.DECODE_BANDWIDTH


def test_a_large_batch_is_limited_by_arithmetic() -> None:
    figures = planned(
        assumptions=Assumptions(max_num_seqs=2048), asked=job(10**7, revision_tokens=100)
    )
    assert figures.limit is Limit.DECODE_FLOPS
    assert (figures.weights_s, figures.kv_cache_s) == (0, 0)
    assert figures.compute_s > figures.prefill_s


def test_weights_that_leave_little_room_are_limited_by_the_kv_cache() -> None:
    figures = planned(2, card_named("l40s"))
    assert figures.limit is Limit.KV_CACHE
    assert figures.sequences_at_once < 20
    assert figures.layout.stage.kv_cache_tokens is not None
    held = figures.sequences_at_once * figures.job.lengths.longest_tokens
    assert held <= figures.layout.stage.kv_cache_tokens


def test_more_gpus_than_drafts_are_limited_by_the_drafts() -> None:
    figures = planned(1000, asked=job(100))
    assert figures.limit is Limit.FEW_DRAFTS
    assert figures.sequences_at_once == 1


def test_no_number_of_gpus_beats_the_time_of_one_draft() -> None:
    assert planned(100_000, asked=job(100)).wall_s == planned(200_000, asked=job(100)).wall_s


def test_the_fastest_size_is_chosen_and_another_can_be_named() -> None:
    alone = {size: planned(tensor_parallel_size=size).wall_s for size in (2, 4, 8)}
    best = planned()
    assert best.wall_s == min(alone.values())
    assert alone[best.layout.tensor_parallel_size] == best.wall_s


def test_a_draft_alone_is_fastest_on_all_gpus_of_a_node() -> None:
    assert planned(8, asked=job(1)).layout.tensor_parallel_size == 8


def test_a_pipeline_is_as_fast_as_its_share_says() -> None:
    half, whole = (
        planned(
            2,
            card_named("h100"),
            gpus_per_node=1,
            assumptions=Assumptions(pipeline_share=share, max_num_seqs=2),
        )
        for share in (0.5, 1.0)
    )
    assert half.layout.pipeline_parallel_size == 2
    assert half.wall_s == pytest.approx(2 * whole.wall_s)


def test_a_pipeline_with_one_sequence_has_one_stage_at_work() -> None:
    one, two = (
        planned(
            2,
            card_named("h100"),
            gpus_per_node=1,
            assumptions=Assumptions(max_num_seqs=sequences),
        )
        for sequences in (1, 2)
    )
    assert one.weights_s == pytest.approx(2 * two.weights_s)


def test_a_round_that_does_not_fit_the_context_is_refused() -> None:
    with pytest.raises(DoesNotFitError, match=r"round of 2,450 tokens .* 2,048 tokens: give"):
        planned(asked=job(prompt_tokens=500, critique_tokens=150, revision_tokens=900))


def test_too_few_gpus_are_refused() -> None:
    with pytest.raises(DoesNotFitError, match="Use more GPUs, or larger ones"):
        planned(1)


def test_weights_that_an_unknown_method_quantised_are_not_planned() -> None:
    config = LLAMA_3_8B | {"quantization_config": {"quant_method": "aqlm"}}
    with pytest.raises(ModelConfigError, match=r"are quantised \(aqlm\)"):
        planned(shape=shape_of(config))
