"""Blocks of the KV cache by the windows of the layers: `revloop.models.kv_cache`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.errors import ModelConfigError
from revloop.models.config import known_shape
from revloop.models.kv_cache import BLOCK_TOKENS, BlockTables, cache_layout
from tests.helpers import published_models as published

if TYPE_CHECKING:
    from revloop.models.shape import ModelShape


def shape_of(config: dict[str, Any]) -> ModelShape:
    shape = known_shape(config, "a model")
    assert shape is not None
    return shape


def test_a_model_without_windows_has_one_table_of_all_layers() -> None:
    layout = cache_layout({None: 32})
    assert (layout.layers, layout.tables) == (32, (BlockTables(1, None),))
    assert not layout.has_windows
    assert layout.blocks(2048) == 128


def test_a_window_bounds_the_blocks_of_a_sequence() -> None:
    layout = shape_of(published.MISTRAL_7B_V01).cache_layout
    assert layout.blocks(4096) == 256
    assert layout.blocks(32_768) == layout.blocks(5000) == 257


def test_a_mistral_that_does_not_say_has_the_window_of_transformers() -> None:
    config = {k: v for k, v in published.MISTRAL_7B_V01.items() if k != "sliding_window"}
    assert shape_of(config).attention.window == 4096
    assert shape_of(config | {"sliding_window": None}).attention.window is None
    assert shape_of(config | {"sliding_window": 0}).attention.window is None


def test_local_layers_share_tables_as_large_as_that_of_the_global_ones() -> None:
    """Gemma 3 27B: 10 global layers, 52 local ones in six tables of ten, padded."""
    layout = shape_of(published.GEMMA_3_27B).cache_layout
    assert layout.layers == 10
    assert set(layout.tables) == {BlockTables(6, 1024), BlockTables(1, None)}
    assert layout.blocks(131_072) == 131_072 // 16 + 6 * (1024 // 16 + 1)


def test_chunks_of_llama_4_bound_three_layers_of_four() -> None:
    shape = shape_of(published.LLAMA_4_SCOUT)
    assert {each.window: count for each, count in shape.attentions.items()} == {8192: 36, None: 12}
    layers = {"no_rope_layers": [1, 0] * 24}
    other = published.LLAMA_4_SCOUT | {
        "text_config": published.LLAMA_4_SCOUT["text_config"] | layers
    }
    assert set(shape_of(other).attentions.values()) == {24}


def test_kinds_of_about_equally_many_layers_have_a_table_each() -> None:
    assert cache_layout({128: 12, None: 13}).tables == (
        BlockTables(1, 128),
        BlockTables(1, None),
    )
    assert cache_layout({128: 12, None: 13}).layers == 13


@pytest.mark.parametrize(
    ("config", "full"),
    [
        (published.GEMMA_3_27B, {5, 11, 17, 23, 29, 35, 41, 47, 53, 59}),
        (published.GEMMA_3_1B, {5, 11, 17, 23}),
        (published.GEMMA_2_9B, set(range(1, 42, 2))),
        (published.GPT_OSS_20B, set(range(1, 24, 2))),
        (published.GPT_OSS_20B | {"layer_types": None}, set(range(1, 24, 2))),
        (published.QWEN25_7B, set(range(28))),
        (
            published.QWEN25_7B | {"use_sliding_window": True, "max_window_layers": 20},
            set(range(20)),
        ),
    ],
)
def test_the_layers_that_attend_to_everything_are_those_of_transformers(
    config: dict[str, Any], full: set[int]
) -> None:
    transformers = pytest.importorskip("transformers")
    text = config.get("text_config", config)
    built = transformers.AutoConfig.for_model(**text)
    theirs = {at for at, kind in enumerate(built.layer_types) if kind == "full_attention"}
    assert theirs == full
    windows = [n for each, n in shape_of(config).attentions.items() if each.window is None]
    assert windows == [len(full)]


def test_a_kind_of_attention_that_is_unknown_is_named() -> None:
    config = published.GPT_OSS_20B | {"layer_types": ["linear_attention"] * 24}
    with pytest.raises(ModelConfigError, match="names 'linear_attention', which revloop does not"):
        shape_of(config)


def test_too_few_layer_types_are_refused() -> None:
    config = published.GPT_OSS_20B | {"layer_types": ["full_attention"]}
    with pytest.raises(ModelConfigError, match="1 entries for 24 layers"):
        shape_of(config)


@given(
    st.dictionaries(
        st.one_of(st.none(), st.integers(1, 9000)), st.integers(1, 100), min_size=1, max_size=2
    ),
    st.integers(1, 10_000),
)
def test_no_layer_goes_without_room_for_what_its_window_reaches(
    layers: dict[int | None, int], tokens: int
) -> None:
    layout = cache_layout(layers)
    needed = sum(n * min(tokens, window or tokens) for window, n in layers.items())
    assert layout.blocks(tokens) * layout.layers * BLOCK_TOKENS >= needed
    assert layout.blocks(tokens) <= layout.blocks(tokens + 1)


@pytest.mark.parametrize(
    "config",
    [published.GEMMA_3_27B, published.GEMMA_2_9B, published.GPT_OSS_120B, published.MISTRAL_7B_V01],
)
def test_vllm_divides_the_layers_into_the_same_tables(config: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("vllm")
    from vllm.v1.core.kv_cache_utils import get_kv_cache_groups
    from vllm.v1.kv_cache_interface import FullAttentionSpec, SlidingWindowSpec

    sizes: dict[str, Any] = {
        "block_size": 16,
        "num_kv_heads": 8,
        "head_size": 128,
        "dtype": torch.bfloat16,
    }
    specs: dict[str, Any] = {}
    shape = shape_of(config)
    for attention, count in shape.attentions.items():
        for _ in range(count):
            specs[f"layers.{len(specs)}"] = (
                FullAttentionSpec(**sizes)
                if attention.window is None
                else SlidingWindowSpec(**sizes, sliding_window=attention.window)
            )
    settings = SimpleNamespace(
        scheduler_config=SimpleNamespace(disable_hybrid_kv_cache_manager=False),
        attention_config=SimpleNamespace(hisparse_config=None),
        speculative_config=None,
        model_config=None,
        cache_config=SimpleNamespace(
            get_resolved_kv_cache_layout=lambda: SimpleNamespace(is_block_outermost=False)
        ),
    )
    groups = get_kv_cache_groups(settings, specs)
    layout = shape.cache_layout
    assert len(groups) == sum(table.tables for table in layout.tables)
    assert max(len(group.layer_names) for group in groups) == layout.layers
    for table in layout.tables:
        if table.window is not None:
            spec = SlidingWindowSpec(**sizes, sliding_window=table.window)
            # one token in flight: decoding
            most = spec.max_admission_blocks_per_request(1, shape.context_tokens)
            assert table.blocks(shape.context_tokens) == table.tables * most
