"""The arithmetic of `revloop.planning.deployment`, compared with vLLM's own figures."""

from __future__ import annotations

import re
import urllib.request
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.errors import DoesNotFitError, ModelConfigError
from revloop.models.config import known_shape, read_shape
from revloop.models.parallelism import check_tensor_parallel_size, tensor_parallel_sizes
from revloop.planning import deployment_rows, plan
from tests.helpers.model_configs import FALCON_7B, FALCON_40B, LLAMA_3_8B, TINY_FALCON

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.models.shape import ModelShape


class Server(Protocol):
    """The parts of the shared vLLM server that the tests need."""

    base_url: str
    model: str
    log_path: Path


def shape_of(config: dict[str, Any]) -> ModelShape:
    shape = known_shape(config, "a model")
    assert shape is not None
    return shape


def test_falcon_40b_takes_83_gb_and_120_kib_a_token() -> None:
    figures = plan(shape_of(FALCON_40B))
    assert figures.shape.parameters == pytest.approx(41.3e9, rel=1e-3)
    assert figures.weight_bytes == pytest.approx(83e9, rel=5e-3)
    assert figures.kv_cache_bytes_per_token == 120 * 1024
    assert tensor_parallel_sizes(figures.shape) == (1, 2, 4, 8)


def test_falcon_7b_is_refused_at_two_with_the_size_that_works() -> None:
    with pytest.raises(
        DoesNotFitError, match=r"71 attention heads are not divisible by 2. The only size .* is 1\."
    ):
        plan(shape_of(FALCON_7B), 2)


def test_gpus_share_the_kv_heads() -> None:
    figures = plan(shape_of(FALCON_40B), 4)
    assert figures.kv_cache_bytes_per_token == 120 * 1024
    assert figures.kv_cache_bytes_per_token_per_gpu == 30 * 1024


def test_a_kv_head_that_cannot_be_split_is_held_by_each_gpu() -> None:
    figures = plan(shape_of(TINY_FALCON), 4)
    assert figures.kv_cache_bytes_per_token_per_gpu * 2 == figures.kv_cache_bytes_per_token


def test_two_gpus_of_80_gib_hold_hundreds_of_full_length_trajectories() -> None:
    figures = plan(shape_of(FALCON_40B), 2, gpu_memory_gib=80)
    assert figures.full_length_trajectories == 282
    assert figures.kv_cache_tokens == 578_992


def test_without_memory_the_figures_that_need_it_are_none() -> None:
    figures = plan(shape_of(FALCON_40B), 2)
    assert figures.kv_cache_bytes_per_gpu is None
    assert figures.kv_cache_tokens is None
    assert figures.full_length_trajectories is None


def test_weights_that_do_not_fit_are_refused_with_the_sizes_that_do() -> None:
    with pytest.raises(DoesNotFitError, match=r"76\.9 GiB of weights.* that work: 2, 4, 8\."):
        plan(shape_of(FALCON_40B), 1, gpu_memory_gib=80)


def test_memory_too_small_for_one_sequence_is_refused() -> None:
    with pytest.raises(DoesNotFitError, match="too little for one sequence of 2,048 tokens"):
        plan(shape_of(FALCON_40B), 1, gpu_memory_gib=86)


def test_memory_too_small_for_any_size_is_refused_as_such() -> None:
    with pytest.raises(DoesNotFitError, match="No size up to 8 works"):
        plan(shape_of(FALCON_40B), 1, gpu_memory_gib=8)


def test_vllms_share_of_the_memory_can_be_named() -> None:
    all_of_it = plan(shape_of(FALCON_40B), 2, gpu_memory_gib=80, gpu_memory_utilization=1.0)
    default = plan(shape_of(FALCON_40B), 2, gpu_memory_gib=80)
    assert all_of_it.kv_cache_bytes_per_gpu is not None
    assert default.kv_cache_bytes_per_gpu is not None
    extra_gib = (all_of_it.kv_cache_bytes_per_gpu - default.kv_cache_bytes_per_gpu) / 2**30
    assert extra_gib == pytest.approx(0.08 * 80)


def test_float32_takes_twice_the_room_and_is_not_what_auto_means() -> None:
    stored_in_32_bits = shape_of(FALCON_40B | {"torch_dtype": "float32"})
    auto = plan(stored_in_32_bits)
    full = plan(stored_in_32_bits, dtype="float32")
    assert full.weight_bytes == 2 * auto.weight_bytes
    assert full.kv_cache_bytes_per_token == 2 * auto.kv_cache_bytes_per_token


def test_a_data_type_that_vllm_does_not_have_is_refused() -> None:
    with pytest.raises(DoesNotFitError, match="'int3' is not a vLLM data type"):
        plan(shape_of(FALCON_40B), dtype="int3")


def test_weights_that_an_unknown_method_quantised_are_not_planned() -> None:
    config = LLAMA_3_8B | {"quantization_config": {"quant_method": "aqlm"}}
    with pytest.raises(ModelConfigError, match=r"are quantised \(aqlm\) .* into the folder"):
        plan(shape_of(config))


@pytest.mark.parametrize(
    ("change", "size", "reason"),
    [
        ({}, 3, "4 attention heads are not divisible by 3"),
        ({}, 0, "is invalid"),
        (
            {"num_attention_heads": 8, "num_kv_heads": 3},
            2,
            "3 KV heads can be neither split nor replicated evenly over 2",
        ),
        ({"ffn_hidden_size": 512}, 1, "feed-forward width of 4 x 256, and this model has 512"),
        ({"hidden_size": 192, "num_attention_heads": 6, "num_kv_heads": 6}, 3, "padded to 320"),
    ],
)
def test_a_size_that_vllm_refuses_is_refused_with_its_reason(
    change: dict[str, Any], size: int, reason: str
) -> None:
    with pytest.raises(DoesNotFitError, match=reason):
        check_tensor_parallel_size(shape_of(TINY_FALCON | change), size)


def test_a_feed_forward_width_that_does_not_divide_is_refused() -> None:
    config = LLAMA_3_8B | {"intermediate_size": 14337}
    with pytest.raises(DoesNotFitError, match="feed-forward width of 14337 is not divisible by 2"):
        check_tensor_parallel_size(shape_of(config), 2)


def test_a_size_above_eight_is_accepted_where_the_heads_allow_it() -> None:
    assert plan(shape_of(FALCON_40B), 16).kv_cache_bytes_per_token_per_gpu == 15 * 1024


@given(st.integers(1, 96), st.integers(1, 8), st.integers(1, 8))
def test_every_size_that_is_suggested_is_accepted(heads: int, groups: int, head_dim: int) -> None:
    config = TINY_FALCON | {
        "hidden_size": heads * groups * head_dim,
        "num_attention_heads": heads * groups,
        "num_kv_heads": groups,
    }
    shape = shape_of(config)
    sizes = tensor_parallel_sizes(shape)
    assert 1 in sizes
    for size in sizes:
        figures = plan(shape, size)
        assert figures.weight_bytes_per_gpu * size >= figures.weight_bytes


def test_the_table_says_what_it_assumes() -> None:
    rows = deployment_rows(plan(shape_of(FALCON_40B), 2, gpu_memory_gib=80))
    table = {row.label: row for row in rows}
    assert table["Parameters"].value == "41.3 billion"
    assert table["Weights"].value == "83 GB"
    assert table["Weights per GPU"].value == "41 GB"
    assert table["KV cache per token"].value == "120 KiB"
    assert table["Tensor-parallel sizes"].value == "1, 2, 4, 8"
    assert "92% of 80 GiB" in table["KV cache per GPU"].explanation
    assert "assumed 2 GiB" in table["KV cache per GPU"].explanation
    assert table["Full-length trajectories at once"].value == "282"


def test_the_table_of_a_small_model_without_memory_has_figures_too() -> None:
    rows = deployment_rows(plan(shape_of(TINY_FALCON)))
    table = {row.label: row.value for row in rows}
    assert table["Parameters"] == "2,970,112"
    assert table["Weights"] == "0.0059 GB"
    assert table["KV cache per token"] == "2 KiB"
    assert table["Full-length trajectories at once"] == "unknown"


@pytest.mark.vllm
def test_the_figures_are_what_vllm_reports(vllm_server: Server, tiny_critic: Path) -> None:
    log = vllm_server.log_path.read_text(encoding="utf-8", errors="replace")
    size = int(re.findall(r"tensor_parallel_size=(\d+)", log)[0])
    reported = cache_config(vllm_server.base_url)
    figures = plan(read_shape(str(tiny_critic)), size)
    tokens = int(reported["num_gpu_blocks"]) * int(reported["block_size"])
    assert f"KV cache size: {tokens:,} tokens" in log
    # the cache is rounded down to whole blocks
    given_bytes = int(reported["kv_cache_memory_bytes"])
    block_bytes = figures.kv_cache_bytes_per_token_per_gpu * int(reported["block_size"])
    assert int(reported["num_gpu_blocks"]) == given_bytes // block_bytes


def cache_config(base_url: str) -> dict[str, str]:
    """A vLLM server's KV cache, from the labels of one of its metrics."""
    url = base_url.rstrip("/").removesuffix("/v1") + "/metrics"
    with urllib.request.urlopen(url, timeout=30) as response:
        metrics = response.read().decode("utf-8")
    labels = re.search(r"^vllm:cache_config_info\{(.*)\} 1\.0$", metrics, re.MULTILINE)
    assert labels is not None, metrics[:500]
    return dict(re.findall(r'(\w+)="([^"]*)"', labels[1]))
