"""The parameter counts of `revloop.models.shape`, compared with transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from revloop.errors import ModelConfigError
from revloop.models.config import known_shape
from tests.helpers.model_configs import (
    FALCON_7B,
    FALCON_11B,
    FALCON_40B,
    FALCON_RW_1B,
    LLAMA_3_8B,
    MISTRAL_7B,
    QWEN2_500M,
    QWEN3_600M,
    TINY_FALCON,
)

if TYPE_CHECKING:
    from revloop.models.shape import ModelShape

CONFIGS = {
    "Falcon-40B": FALCON_40B,
    "Falcon-7B": FALCON_7B,
    "Falcon-RW-1B": FALCON_RW_1B,
    "Falcon2-11B": FALCON_11B,
    "tiny Falcon": TINY_FALCON,
    "Falcon with biases": FALCON_40B | {"bias": True},
    "Falcon, all heads with keys": FALCON_RW_1B | {"bias": False, "alibi": False},
    "Falcon, two norms in the old decoder": FALCON_7B | {"num_ln_in_parallel_attn": 2},
    "Falcon, attention before feed-forward": FALCON_7B | {"parallel_attn": False},
    "Llama-3-8B": LLAMA_3_8B,
    "Llama with biases": LLAMA_3_8B | {"attention_bias": True, "mlp_bias": True},
    "Mistral-7B": MISTRAL_7B,
    "Qwen2-0.5B": QWEN2_500M,
    "Qwen3-0.6B": QWEN3_600M,
}


def shape_of(config: dict[str, Any]) -> ModelShape:
    shape = known_shape(config, "a model")
    assert shape is not None
    return shape


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_the_parameter_count_is_that_of_the_model_which_transformers_builds(
    config: dict[str, Any],
) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    kind = transformers.AutoConfig.for_model(config["model_type"]).__class__
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(kind(**config))
    model.tie_weights()  # transformers 5.0 leaves it out on the meta device
    assert shape_of(config).parameters == sum(p.numel() for p in model.parameters())


def test_falcon_40b_has_41_3_billion_parameters_and_8_kv_heads_of_64() -> None:
    shape = shape_of(FALCON_40B)
    assert (shape.parameters, str(shape.attention)) == (41_303_293_952, "8 KV heads of 64")
    assert shape.tied_embeddings
    assert shape.context_tokens == 2048


def test_the_old_falcon_has_one_kv_head_whatever_its_config_says() -> None:
    assert shape_of(FALCON_7B | {"num_kv_heads": 71}).attention.kv_heads == 1


def test_the_first_falcon_checkpoints_use_other_names_for_the_same_sizes() -> None:
    renamed = {
        "n_layer": "num_hidden_layers",
        "n_head": "num_attention_heads",
        "n_head_kv": "num_kv_heads",
    }
    old = {key: value for key, value in FALCON_40B.items() if key not in renamed.values()}
    old |= {key: FALCON_40B[value] for key, value in renamed.items()}
    old["architectures"] = ["RWForCausalLM"]
    assert shape_of(old).parameters == shape_of(FALCON_40B).parameters


def test_a_flag_that_is_null_counts_as_false() -> None:
    assert shape_of(FALCON_7B | {"multi_query": None}).attention.kv_heads == 71


def test_a_llama_without_kv_heads_has_as_many_as_attention_heads() -> None:
    config = {key: value for key, value in LLAMA_3_8B.items() if key != "num_key_value_heads"}
    assert shape_of(config).attention.kv_heads == 32


def test_gpus_share_all_but_norms_and_padding() -> None:
    shape = shape_of(FALCON_40B)
    norms = 60 * 2 * 2 * 8192 + 2 * 8192
    assert shape.parameters_per_gpu(4) == (shape.parameters - norms) // 4 + norms


def test_kv_heads_are_repeated_where_gpus_outnumber_them() -> None:
    shape = shape_of(TINY_FALCON)
    assert [shape.attention.kv_values(size) for size in (1, 2, 4)] == [256, 128, 128]
    assert shape.kv_values_per_token(4) == shape.kv_values_per_token(2)


def test_the_vocabulary_is_padded_to_a_multiple_of_64() -> None:
    assert shape_of(TINY_FALCON | {"vocab_size": 321}).padded_vocabulary_size == 384
    assert shape_of(TINY_FALCON).padded_vocabulary_size == 320


def test_a_hidden_size_that_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(ModelConfigError, match=r"hidden_size .257. is not a multiple"):
        shape_of(TINY_FALCON | {"hidden_size": 257})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_hidden_layers": "60"}, "num_hidden_layers: Input should be a valid integer"),
        ({"num_hidden_layers": 0}, "num_hidden_layers: Input should be greater than 0"),
        ({"bias": "no"}, "bias: Input should be a valid boolean"),
        ({"vocab_size": None}, "vocab_size: Input should be a valid integer"),
        ({"hidden_size": True}, "hidden_size: Input should be a valid integer"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelConfigError, match=said):
        shape_of(FALCON_40B | change)


def test_a_size_that_is_missing_is_named() -> None:
    config = {key: value for key, value in FALCON_40B.items() if key != "num_hidden_layers"}
    with pytest.raises(ModelConfigError, match="num_hidden_layers: Field required"):
        shape_of(config)
