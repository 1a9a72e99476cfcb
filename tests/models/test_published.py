"""Counts and sizes of known models, compared with what their makers publish.

Sources of the published figures: Mixtral, https://mistral.ai/news/mixtral-of-experts and
https://mistral.ai/news/mixtral-8x22b (12.9 of 46.7, 39 of 141 billion); Qwen3, arXiv 2505.09388,
table 2; DeepSeek-V3, arXiv 2412.19437, and V2, arXiv 2405.04434 (15.7 and 2.4 for Lite in its
appendix B); Kimi K2, arXiv 2507.20534; gpt-oss, arXiv 2508.10925, table 1; Gemma 2, arXiv
2408.00118, and Gemma 3, arXiv 2503.19786, both in table 1, embeddings and the 417 million of the
vision encoder added; Qwen1.5-MoE, https://qwenlm.github.io/blog/qwen-moe/; Llama 4, https://ai.meta.com/blog/llama-4-multimodal-intelligence/
(17 of 109 and of 400 billion); Llama 3.1, Qwen2.5,
Mistral 7B, Phi-3 and Falcon: "Model size" on their pages at https://huggingface.co.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from revloop.models.config import known_shape
from tests.helpers import published_models as published
from tests.helpers.model_configs import FALCON_7B, FALCON_40B

if TYPE_CHECKING:
    from revloop.models.shape import ModelShape

TOTALS = {
    "Mixtral 8x7B": (published.MIXTRAL_8X7B, 46.7),
    "Mixtral 8x22B": (published.MIXTRAL_8X22B, 140.6),
    "Qwen3-30B-A3B": (published.QWEN3_30B_A3B, 30.5),
    "Qwen3-235B-A22B": (published.QWEN3_235B_A22B, 235),
    "Qwen1.5-MoE-A2.7B": (published.QWEN15_MOE_A27B, 14.3),
    "DeepSeek-V3": (published.DEEPSEEK_V3, 671),
    "DeepSeek-V2": (published.DEEPSEEK_V2, 236),
    "DeepSeek-V2-Lite": (published.DEEPSEEK_V2_LITE, 15.7),
    "Kimi K2": (published.KIMI_K2, 1026),
    "gpt-oss-120b": (published.GPT_OSS_120B, 116.83),
    "gpt-oss-20b": (published.GPT_OSS_20B, 20.91),
    "Gemma 2 9B": (published.GEMMA_2_9B, 9.24),
    "Gemma 2 27B": (published.GEMMA_2_27B, 27.2),
    "Gemma 3 1B": (published.GEMMA_3_1B, 0.302 + 0.698),
    "Gemma 3 4B": (published.GEMMA_3_4B, 0.417 + 0.675 + 3.209),
    "Gemma 3 12B": (published.GEMMA_3_12B, 0.417 + 1.012 + 10.759),
    "Gemma 3 27B": (published.GEMMA_3_27B, 0.417 + 1.416 + 25.6),
    "Mistral 7B v0.1": (published.MISTRAL_7B_V01, 7.24),
    "Llama 3.1 8B": (published.LLAMA_31_8B, 8.03),
    "Llama 3.1 70B": (published.LLAMA_31_70B, 70.6),
    "Qwen2.5-7B": (published.QWEN25_7B, 7.62),
    "Qwen2.5-72B": (published.QWEN25_72B, 72.7),
    "Phi-3-mini": (published.PHI_3_MINI, 3.82),
    "Llama 4 Scout": (published.LLAMA_4_SCOUT, 108.6),
    "Llama 4 Maverick": (published.LLAMA_4_MAVERICK, 401.6),
    "Mistral Small 3.1": (published.MISTRAL_SMALL_31, 24.0),
    "SmolLM3 3B": (published.SMOLLM3_3B, 3.08),
    "Granite 3.3 8B": (published.GRANITE_33_8B, 8.17),
    "Falcon-40B": (FALCON_40B, 41.3),
    "Falcon-7B": (FALCON_7B, 6.92),
}


def shape_of(config: dict[str, Any]) -> ModelShape:
    shape = known_shape(config, "a model")
    assert shape is not None
    return shape


@pytest.mark.parametrize(("config", "billions"), TOTALS.values(), ids=TOTALS)
def test_a_model_has_as_many_parameters_as_its_makers_say(
    config: dict[str, Any], billions: float
) -> None:
    assert shape_of(config).parameters / 1e9 == pytest.approx(billions, rel=2e-3)


@pytest.mark.parametrize(
    ("config", "billions"),
    [
        (published.MIXTRAL_8X7B, 12.9),
        (published.MIXTRAL_8X22B, 39),
        (published.QWEN3_30B_A3B, 3.3),
        (published.QWEN3_235B_A22B, 22),
        (published.QWEN15_MOE_A27B, 2.7),
        (published.DEEPSEEK_V3, 37),
        (published.DEEPSEEK_V2, 21),
        (published.KIMI_K2, 32.6),
        (published.LLAMA_4_SCOUT, 17.2),
        (published.LLAMA_4_MAVERICK, 17.2),
    ],
)
def test_a_token_uses_as_many_parameters_as_the_makers_say(
    config: dict[str, Any], billions: float
) -> None:
    assert shape_of(config).active_parameters / 1e9 == pytest.approx(billions, rel=0.02)


@pytest.mark.parametrize(
    ("config", "billions"),
    [
        (published.GPT_OSS_120B, 5.13),
        (published.GPT_OSS_20B, 3.61),
        (published.DEEPSEEK_V2_LITE, 2.4),
    ],
)
def test_some_makers_leave_the_embedding_out_of_the_parameters_a_token_uses(
    config: dict[str, Any], billions: float
) -> None:
    embedding = config["vocab_size"] * config["hidden_size"]
    active = shape_of(config).active_parameters - embedding
    assert active / 1e9 == pytest.approx(billions, rel=0.025)


def test_a_model_without_experts_uses_all_its_parameters() -> None:
    assert not shape_of(published.LLAMA_31_8B).has_experts
    assert not shape_of(published.GEMMA_3_4B).has_experts
    assert shape_of(published.MIXTRAL_8X7B).has_experts


@pytest.mark.parametrize(
    ("config", "kv_bytes"),
    [
        # Llama 3.1: 2 x 32 layers x 8 heads x 128; Qwen2.5-72B and DeepSeek-V3 by "Insights into
        # DeepSeek-V3", arXiv 2505.09343, table 1: 327.680 KB and 70.272 KB
        (published.LLAMA_31_8B, 128 * 1024),
        (published.QWEN25_72B, 327_680),
        (published.DEEPSEEK_V3, 70_272),
        (published.MIXTRAL_8X7B, 128 * 1024),
        (FALCON_40B, 120 * 1024),
    ],
)
def test_a_token_takes_as_much_kv_cache_as_is_published(
    config: dict[str, Any], kv_bytes: int
) -> None:
    assert 2 * shape_of(config).kv_values_per_token(1) == kv_bytes


def test_a_latent_vector_is_on_every_gpu() -> None:
    shape = shape_of(published.DEEPSEEK_V3)
    assert shape.kv_values_per_token(8) == shape.kv_values_per_token(1)


def gptq(bits: int, group_size: int) -> dict[str, Any]:
    return {"quant_method": "gptq", "bits": bits, "group_size": group_size, "desc_act": True}


AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True, "version": "gemm"}


@pytest.mark.parametrize(
    ("config", "quantization", "gigabytes"),
    [
        # the tables in the model cards of TheBloke/Mistral-7B-Instruct-v0.1-GPTQ, of
        # TheBloke/Mistral-7B-v0.1-AWQ and of TheBloke/Mixtral-8x7B-Instruct-v0.1-GPTQ
        (published.MISTRAL_7B_V01, gptq(4, 128), 4.16),
        (published.MISTRAL_7B_V01, gptq(4, 32), 4.57),
        (published.MISTRAL_7B_V01, gptq(8, -1), 7.52),
        (published.MISTRAL_7B_V01, gptq(8, 128), 7.68),
        (published.MISTRAL_7B_V01, AWQ, 4.15),
        (published.MIXTRAL_8X7B, gptq(4, -1), 23.81),
        (published.MIXTRAL_8X7B, gptq(4, 128), 24.70),
        (published.MIXTRAL_8X7B, gptq(4, 32), 27.42),
        (published.MIXTRAL_8X7B, gptq(3, 128), 18.85),
        (published.MIXTRAL_8X7B, gptq(8, 128), 48.10),
        # gpt-oss, arXiv 2508.10925, table 1: 60.8 and 12.8 GiB
        (published.GPT_OSS_120B, published.MXFP4, 60.77 * 2**30 / 1e9),
        (published.GPT_OSS_20B, published.MXFP4, 12.82 * 2**30 / 1e9),
    ],
)
def test_a_quantised_checkpoint_is_as_large_as_its_files(
    config: dict[str, Any], quantization: dict[str, Any], gigabytes: float
) -> None:
    shape = shape_of(config | {"quantization_config": quantization})
    assert shape.weight_bytes(2) / 1e9 == pytest.approx(gigabytes, rel=2e-3)


def test_deepseek_v3_in_fp8_is_as_large_as_its_files_without_the_predicting_layer() -> None:
    """All files have 688,586,727,753 bytes, by the repository; one layer more is 14 of the 685
    billion parameters in its README: an expert layer, two embeddings and a projection."""
    shape = shape_of(published.DEEPSEEK_V3_FP8)
    one_more = shape_of(published.DEEPSEEK_V3_FP8 | {"num_hidden_layers": 62})
    layer = one_more.weight_bytes(2) - shape.weight_bytes(2)
    embeddings = 2 * 2 * shape.vocabulary_size * shape.hidden_size
    projection = 2 * 2 * shape.hidden_size**2
    predicting = layer + embeddings + projection
    assert shape.weight_bytes(2) + predicting == pytest.approx(688_586_727_753, rel=2e-4)


SMALL = {
    name: config | {"num_hidden_layers": 7, "layer_types": None}
    for name, config in {
        "Mixtral": published.MIXTRAL_8X7B,
        "Qwen2 MoE": published.QWEN15_MOE_A27B,
        "Qwen2 MoE with dense layers": published.QWEN15_MOE_A27B
        | {"mlp_only_layers": [0], "decoder_sparse_step": 2},
        "Qwen3 MoE": published.QWEN3_30B_A3B,
        "DeepSeek-V2-Lite": published.DEEPSEEK_V2_LITE,
        "DeepSeek-V2": published.DEEPSEEK_V2,
        "DeepSeek-V3": published.DEEPSEEK_V3,
        "gpt-oss": published.GPT_OSS_20B,
        "Gemma 2": published.GEMMA_2_9B,
        "Gemma 3, text": published.GEMMA_3_1B,
        "Phi-3": published.PHI_3_MINI,
        "SmolLM3": published.SMOLLM3_3B,
        "Granite": published.GRANITE_33_8B,
        "Llama 4, text": {
            "architectures": ["Llama4ForCausalLM"],
            **published.LLAMA_4_MAVERICK["text_config"],
        },
    }.items()
}


@pytest.mark.parametrize("config", SMALL.values(), ids=SMALL)
def test_the_parameter_count_is_that_of_the_model_which_transformers_builds(
    config: dict[str, Any],
) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    kind = transformers.AutoConfig.for_model(config["model_type"]).__class__
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(kind(**config))
    model.tie_weights()
    assert shape_of(config).parameters == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    "config",
    [published.GEMMA_3_4B, published.LLAMA_4_SCOUT, published.MISTRAL_SMALL_31],
    ids=lambda config: config["architectures"][0],
)
def test_the_vision_encoder_is_counted_as_transformers_builds_it(config: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    config = config | {"text_config": config["text_config"] | {"num_hidden_layers": 2}}
    built = transformers.AutoConfig.for_model(config["model_type"]).__class__(**config)
    with torch.device("meta"):
        model = getattr(transformers, config["architectures"][0])(built)
    model.tie_weights()
    assert shape_of(config).parameters == sum(p.numel() for p in model.parameters())


# transformers has no kimi_k2 of its own
SAVED = {name: config for name, (config, _) in TOTALS.items() if name != "Kimi K2"}


@pytest.mark.parametrize("use_diff", [True, False], ids=["changed fields", "all fields"])
@pytest.mark.parametrize("config", SAVED.values(), ids=SAVED)
def test_a_config_that_transformers_saved_anew_says_the_same(
    config: dict[str, Any], use_diff: bool
) -> None:
    transformers = pytest.importorskip("transformers")
    kind = transformers.AutoConfig.for_model(config["model_type"]).__class__
    saved = json.loads(kind(**config).to_json_string(use_diff=use_diff))
    first, second = shape_of(config), shape_of(saved | {"architectures": config["architectures"]})
    assert second.parameters == first.parameters
    assert second.active_parameters == first.active_parameters
    assert second.cache_layout == first.cache_layout
    assert second.context_tokens == first.context_tokens
