"""Plans of models with experts, latent attention, windows and quantised weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.errors import DoesNotFitError
from revloop.models.config import known_shape
from revloop.models.matrix import Matrix
from revloop.planning import (
    Assumptions,
    Job,
    JobPlan,
    Platform,
    TokenLengths,
    card_named,
    deployment_rows,
    emit,
    job_rows,
    plan,
    plan_job,
)
from revloop.planning.job import flops_per_token
from revloop.planning.layout import layouts
from tests.helpers import published_models as published

if TYPE_CHECKING:
    from revloop.models.shape import ModelShape


def shape_of(config: dict[str, Any]) -> ModelShape:
    shape = known_shape(config, "a model")
    assert shape is not None
    return shape


def table(config: dict[str, Any], size: int = 1, **options: Any) -> dict[str, tuple[str, str]]:
    rows = deployment_rows(plan(shape_of(config), size, **options))
    return {row.label: (row.value, row.explanation) for row in rows}


def job_of(shape: ModelShape, gpus: int, card: str = "h100", **options: Any) -> JobPlan:
    job = Job(drafts=100_000, iterations=5, lengths=TokenLengths())
    return plan_job(shape, card_named(card), gpus, job, **options)


def test_a_few_tokens_touch_a_few_experts_and_many_touch_all() -> None:
    experts = Matrix("mlp.experts.up_proj", 1, 1, copies=8, used=2)
    assert experts.copies_touched(1) == 2
    # of 8 experts, each is left out by a token with a chance of 3/4
    assert experts.copies_touched(2) == pytest.approx(8 * (1 - 0.75**2))
    assert experts.copies_touched(1000) == pytest.approx(8)
    assert Matrix("mlp.up_proj", 1, 1).copies_touched(1) == 1


@given(st.floats(1, 1e6), st.integers(1, 256), st.integers(1, 256))
def test_no_batch_reads_fewer_experts_than_a_token_or_more_than_there_are(
    tokens: float, copies: int, used: int
) -> None:
    matrix = Matrix("mlp.experts.up_proj", 1, 1, copies=max(copies, used), used=min(copies, used))
    assert matrix.used <= matrix.copies_touched(tokens) * (1 + 1e-9)
    assert matrix.copies_touched(tokens) <= matrix.copies


def test_decoding_reads_the_experts_that_the_batch_uses() -> None:
    planned = plan(shape_of(published.MIXTRAL_8X7B), 2)
    one, two, many = (planned.weight_bytes_read(tokens) for tokens in (1, 2, 1000))
    assert one == pytest.approx(2 * planned.shape.active_parameters / 2, rel=1e-3)
    assert one < two < many == pytest.approx(planned.weight_bytes_per_gpu, rel=1e-6)


def test_a_model_without_experts_reads_all_its_weights() -> None:
    planned = plan(shape_of(published.LLAMA_31_8B))
    assert planned.weight_bytes_read(1) == planned.weight_bytes_per_gpu


def test_a_token_takes_the_flops_of_the_experts_it_is_sent_to() -> None:
    shape = shape_of(published.QWEN3_30B_A3B)
    embedding = shape.vocabulary_size * shape.hidden_size
    assert flops_per_token(shape, 0) == 2 * (shape.active_parameters - embedding)


def test_latent_attention_takes_more_flops_where_it_is_not_expanded() -> None:
    shape = shape_of(published.DEEPSEEK_V3)
    rest = flops_per_token(shape, 0)
    prefill, decode = (flops_per_token(shape, 1, is_prefill=each) - rest for each in (True, False))
    assert prefill == 61 * 128 * 2 * (192 + 128)
    assert decode == 61 * 128 * 2 * (576 + 512)


def test_layers_with_a_window_attend_and_read_no_further() -> None:
    shape = shape_of(published.GPT_OSS_20B)
    per_layer = 4 * 64 * 64
    attention = flops_per_token(shape, 1000) - flops_per_token(shape, 0)
    assert attention == per_layer * 12 * (1000 + 128)
    assert shape.kv_values_read(1000, 1) == 2 * 8 * 64 * 12 * (1000 + 128)


def test_fp8_is_computed_in_fp8_where_the_card_can() -> None:
    in_fp8 = published.LLAMA_31_70B | {
        "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}
    }
    plain, quantised = (shape_of(config) for config in (published.LLAMA_31_70B, in_fp8))
    ratios = {
        card: job_of(plain, 8, card, tensor_parallel_size=4).prefill_s
        / job_of(quantised, 8, card, tensor_parallel_size=4).prefill_s
        for card in ("h100", "a100")
    }
    assert ratios == {"h100": pytest.approx(2, rel=0.01), "a100": pytest.approx(1)}


def test_the_table_of_a_job_tells_the_format_and_the_experts_it_assumes() -> None:
    planned = job_of(shape_of(published.DEEPSEEK_V3_FP8), 8, "h200")
    rows = {row.label: row for row in job_rows(planned)}
    assert rows["Assumed: FLOP/s"].explanation.startswith("of 1979 TFLOP/s in dense fp8")
    assert rows["Assumed: experts"].value == "256 of 256"
    few = job_of(planned.layout.stage.shape, 8, "h200", assumptions=Assumptions(max_num_seqs=1))
    assert {row.label: row.value for row in job_rows(few)}["Assumed: experts"] == "8 of 256"


def test_more_experts_cost_memory_and_no_time_in_prefill() -> None:
    few = shape_of(published.QWEN3_30B_A3B | {"num_experts": 64})
    many = shape_of(published.QWEN3_30B_A3B)
    assert job_of(many, 8, tensor_parallel_size=4).prefill_s == pytest.approx(
        job_of(few, 8, tensor_parallel_size=4).prefill_s, rel=0.01
    )


def test_gpt_oss_120b_fits_on_one_gpu_of_80_gb_as_its_makers_say() -> None:
    planned = plan(shape_of(published.GPT_OSS_120B_MXFP4), gpu_memory_gib=79.1)
    assert planned.full_length_trajectories
    with pytest.raises(DoesNotFitError, match="218 GiB of weights"):
        plan(shape_of(published.GPT_OSS_120B), gpu_memory_gib=79.1)


def test_deepseek_v3_takes_eight_h200_or_two_nodes_of_h100() -> None:
    shape = shape_of(published.DEEPSEEK_V3_FP8)
    (on_h200,) = layouts(shape, 8, gpu_memory_gib=139.7)
    assert (on_h200.tensor_parallel_size, on_h200.pipeline_parallel_size) == (8, 1)
    (on_h100,) = layouts(shape, 16, gpu_memory_gib=79.1)
    assert (on_h100.tensor_parallel_size, on_h100.pipeline_parallel_size) == (8, 2)
    assert on_h100.stage.shape.layers == 31


def test_a_context_that_does_not_fit_is_told_with_the_length_that_does() -> None:
    llama = shape_of(published.LLAMA_31_8B)
    with pytest.raises(
        DoesNotFitError, match=r"one of (\d+,\d+) would fit: --max-model-len"
    ) as told:
        plan(llama, gpu_memory_gib=23.5)
    longest = int(str(told.value).partition("(one of ")[2].split()[0].replace(",", ""))
    assert plan(llama.limited_to(longest), gpu_memory_gib=23.5).full_length_trajectories == 1
    with pytest.raises(DoesNotFitError):
        plan(llama.limited_to(longest + 1), gpu_memory_gib=23.5)


def test_a_job_on_a_card_too_small_for_the_context_names_the_option() -> None:
    llama = shape_of(published.LLAMA_31_8B)
    with pytest.raises(DoesNotFitError, match="131,072 tokens of context does: serve shorter ones"):
        layouts(llama, 1, gpu_memory_gib=23.5)
    shorter = job_of(llama, 1, "rtx4090", assumptions=Assumptions(max_model_len=4096))
    assert shorter.layout.tensor_parallel_size == 1
    assert "--max-model-len 4096" in emit(Platform.SLURM, "a/b", shorter).replace(" \\\n   ", "")


def test_a_job_serves_shorter_sequences_before_it_divides_a_model_over_nodes() -> None:
    llama = shape_of(published.LLAMA_31_8B)
    planned = job_of(llama, 8, "rtx4090")
    assert (planned.layout.pipeline_parallel_size, planned.layout.replicas) == (1, 8)
    assert planned.assumptions.max_model_len == 8192
    rows = {row.label: row.value for row in job_rows(planned)}
    assert rows["Assumed: context"] == "8,192"
    assert "--max-model-len 8192" in emit(Platform.SLURM, "a/b", planned).replace(" \\\n   ", "")


def test_a_context_that_fits_is_served_whole() -> None:
    planned = job_of(shape_of(published.LLAMA_31_8B), 8)
    assert planned.assumptions.max_model_len is None
    assert "Assumed: context" not in {row.label for row in job_rows(planned)}


def test_weights_too_large_are_not_blamed_on_the_context() -> None:
    with pytest.raises(DoesNotFitError, match=r"its weights take 131 GiB\. Use more GPUs"):
        job_of(shape_of(published.LLAMA_31_70B), 1)


def test_no_sequence_is_longer_than_the_context() -> None:
    with pytest.raises(
        DoesNotFitError, match="131,072 tokens, so --max-model-len 200000 is too lo"
    ):
        shape_of(published.LLAMA_31_8B).limited_to(200_000)


def test_windows_make_room_for_more_sequences() -> None:
    windowed = plan(shape_of(published.GEMMA_3_27B), 2, gpu_memory_gib=79.1)
    config = published.GEMMA_3_27B["text_config"] | {"layer_types": ["full_attention"] * 62}
    full = plan(shape_of(published.GEMMA_3_27B | {"text_config": config}), 2, gpu_memory_gib=79.1)
    assert windowed.full_length_trajectories is not None
    assert full.full_length_trajectories is not None
    assert windowed.full_length_trajectories > 4 * full.full_length_trajectories
    assert windowed.kv_cache_bytes_per_sequence(1000) >= full.kv_cache_bytes_per_sequence(1000)


def test_the_table_tells_experts_and_quantisation() -> None:
    rows = table(published.DEEPSEEK_V3_FP8, 8)
    assert rows["Parameters"][0] == "671.0 billion"
    assert rows["Active parameters"] == (
        "37.6 billion",
        "embeddings included; a token uses 8 of 256 experts, and shared ones; 3 dense layers",
    )
    assert rows["Quantisation"] == ("fp8", "8 bits, blocks of 128 x 128")
    assert rows["KV cache per token"] == (
        "68.625 KiB",
        "68.625 KiB on each GPU; one latent vector of 512 + 64, not split",
    )
    assert "KV cache per sequence" not in rows


def test_the_table_tells_what_a_sequence_takes_where_layers_have_windows() -> None:
    rows = table(published.GEMMA_3_27B, 2)
    assert rows["KV cache per sequence"][0] == "5,364 MiB"
    assert rows["KV cache per sequence"][1] == (
        "on each GPU, of 131,072 tokens: 52 layers keep 1,024 tokens"
    )
    assert rows["Parameters"][1].endswith("0.4 billion read images")
    assert "Active parameters" not in rows
