"""What a quantization_config means: `revloop.models.quantization`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.errors import DoesNotFitError, ModelConfigError
from revloop.models.config import known_shape
from revloop.models.parallelism import check_tensor_parallel_size, tensor_parallel_sizes
from revloop.models.quantization import Quantization, Scheme
from revloop.models.quantization_config import QuantizationFields
from revloop.planning import plan
from tests.helpers import published_models as published
from tests.helpers.model_configs import LLAMA_3_8B

if TYPE_CHECKING:
    from revloop.models.shape import ModelShape


def quantization(**fields: Any) -> Quantization:
    return QuantizationFields.model_validate(fields).quantization()


def shape_of(config: dict[str, Any], **fields: Any) -> ModelShape:
    shape = known_shape(config | {"quantization_config": fields}, "a model")
    assert shape is not None
    return shape


FP8_BLOCKS = {"quant_method": "fp8", "weight_block_size": [128, 128]}
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128}


def compressed(weights: dict[str, Any], **group: Any) -> dict[str, Any]:
    return {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights, **group}},
        "ignore": ["lm_head"],
    }


@pytest.mark.parametrize(
    ("fields", "bits"),
    [
        # per weight of a matrix of 4096 x 4096: its own, those of its scale and its zero point
        (AWQ, 4 + 20 / 128),
        (AWQ | {"zero_point": False}, 4 + 16 / 128),
        ({"quant_method": "gptq", "bits": 8, "group_size": 128}, 8 + 24 / 128 + 32 / 4096),
        (FP8_BLOCKS, 8 + 32 / 128**2),
        ({"quant_method": "fp8"}, 8 + 64 / 4096**2),
        ({"quant_method": "fbgemm_fp8"}, 8 + 32 / 4096),
        ({"quant_method": "mxfp4"}, 4 + 8 / 32),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, 4 + 8 / 16),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, 8 + 64 / 4096**2),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, 4 + 32 / 64),
        (
            {"quant_method": "bitsandbytes", "bnb_4bit_use_double_quant": True},
            4 + (8 + 32 / 256) / 64,
        ),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, 8 + 32 / 4096),
        (
            compressed({"num_bits": 4, "type": "int", "strategy": "group", "group_size": 128}),
            4 + 16 / 128,
        ),
        (
            compressed({"num_bits": 4, "strategy": "group", "group_size": 32, "symmetric": False}),
            4 + 20 / 32,
        ),
        (compressed({"num_bits": 8, "type": "int", "strategy": "channel"}), 8 + 16 / 4096),
        (compressed({"num_bits": 8, "type": "float", "strategy": "tensor"}), 8 + 32 / 4096**2),
        (
            compressed(
                {
                    "num_bits": 8,
                    "type": "float",
                    "strategy": "block",
                    "block_structure": [128, 128],
                }
            ),
            8 + 16 / 128**2,
        ),
        (
            compressed(
                {"num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16}
            ),
            4 + 8 / 16,
        ),
    ],
)
def test_a_weight_takes_its_bits_and_its_share_of_a_scale(
    fields: dict[str, Any], bits: float
) -> None:
    scheme = quantization(**fields).scheme
    assert scheme is not None
    assert scheme.bytes_of(4096, 4096) * 8 / 4096**2 == pytest.approx(bits)


@pytest.mark.parametrize(
    ("fields", "in_fp8"),
    [
        (compressed({"num_bits": 4}) | {"kv_cache_scheme": {"type": "float", "num_bits": 8}}, True),
        (compressed({"num_bits": 4}) | {"kv_cache_scheme": None}, False),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"}, True),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, False),
        (AWQ, False),
    ],
)
def test_a_checkpoint_may_ask_for_a_cache_in_fp8(fields: dict[str, Any], in_fp8: bool) -> None:
    found = quantization(**fields)
    assert found.caches_in_fp8 is in_fp8
    shape = shape_of(published.LLAMA_31_8B, **fields)
    assert plan(shape).kv_cache_bytes_per_token == (64 if in_fp8 else 128) * 1024


def test_embeddings_output_layer_and_norms_stay_plain() -> None:
    shape = shape_of(LLAMA_3_8B, **FP8_BLOCKS)
    plain = 2 * 128256 * 4096 + 65 * 4096
    quantised = shape.parameters - plain
    assert shape.weight_bytes(2) == pytest.approx(2 * plain + quantised, rel=1e-3)


def test_an_output_layer_may_be_quantised_too() -> None:
    gptq = {"quant_method": "gptq", "bits": 4, "group_size": 128}
    without, with_it = (shape_of(LLAMA_3_8B, **gptq, lm_head=lm_head) for lm_head in (False, True))
    saved = without.weight_bytes(2) - with_it.weight_bytes(2)
    assert saved == pytest.approx(128256 * 4096 * (2 - 4.2 / 8), rel=0.01)


@pytest.mark.parametrize(
    ("patterns", "kept"),
    [
        (["model.layers.0"], {"model.layers.0.mlp.up_proj"}),
        (["model.layers.0."], {"model.layers.0.mlp.up_proj"}),
        (["mlp"], {"model.layers.0.mlp.up_proj", "model.layers.10.mlp.up_proj"}),
        (["up"], set()),
        (["model.layers.*.mlp"], {"model.layers.0.mlp.up_proj", "model.layers.10.mlp.up_proj"}),
        (["re:.*layers\\.10\\..*"], {"model.layers.10.mlp.up_proj"}),
        (["re:("], set()),
        (["language_model.model.layers.10.mlp.up_proj"], {"model.layers.10.mlp.up_proj"}),
        (["lm_head"], set()),
    ],
)
def test_modules_that_the_config_names_stay_plain(patterns: list[str], kept: set[str]) -> None:
    found = quantization(quant_method="awq", modules_to_not_convert=patterns)
    names = ("model.layers.0.mlp.up_proj", "model.layers.10.mlp.up_proj")
    assert {name for name in names if not found.applies_to(name)} == kept


def test_layers_that_stay_plain_take_two_bytes_a_parameter() -> None:
    all_layers = shape_of(LLAMA_3_8B, **FP8_BLOCKS)
    two_plain = shape_of(
        LLAMA_3_8B, **FP8_BLOCKS, modules_to_not_convert=["model.layers.0", "model.layers.31"]
    )
    assert {each.count for each in two_plain.stack} == {2, 30}
    more = two_plain.weight_bytes(2) - all_layers.weight_bytes(2)
    assert more == pytest.approx(2 * 218e6, rel=0.01)


def test_only_the_experts_of_gpt_oss_are_in_four_bits() -> None:
    shape = shape_of(published.GPT_OSS_20B, **published.MXFP4)
    (layers, *_) = shape.stack
    assert layers.quantized == {f"mlp.experts.{n}_proj" for n in ("gate", "up", "down")}


def test_vllms_kernels_pad_the_experts_of_gpt_oss() -> None:
    shape = shape_of(published.GPT_OSS_20B, **published.MXFP4)
    assert shape.weight_bytes_per_gpu(1, 2) > 1.05 * shape.weight_bytes(2)


def test_routers_stay_plain() -> None:
    shape = shape_of(published.MIXTRAL_8X7B, **AWQ)
    assert "block_sparse_moe.gate" not in shape.stack[0].quantized
    assert "block_sparse_moe.experts.up_proj" in shape.stack[0].quantized


def test_gptq_leaves_out_what_dynamic_excludes_and_is_unknown_where_it_differs() -> None:
    gptq = {"quant_method": "gptq", "bits": 4, "group_size": 128}
    found = quantization(**gptq, dynamic={"-:.*self_attn.*": {}})
    assert not found.applies_to("model.layers.0.self_attn.q_proj")
    assert found.applies_to("model.layers.0.mlp.up_proj")
    assert quantization(**gptq, dynamic={"+:.*mlp.*": {"bits": 8}}).scheme is None


def test_targets_of_compressed_tensors_are_the_only_modules() -> None:
    fields = compressed({"num_bits": 4, "strategy": "group", "group_size": 128})
    fields["config_groups"]["group_0"]["targets"] = ["re:.*mlp.*"]
    found = quantization(**fields)
    assert found.applies_to("model.layers.0.mlp.up_proj")
    assert not found.applies_to("model.layers.0.self_attn.q_proj")


@pytest.mark.parametrize(
    ("fields", "in_fp8"),
    [
        (FP8_BLOCKS, True),
        (compressed({"num_bits": 8, "type": "float"}, input_activations={"num_bits": 8}), True),
        (compressed({"num_bits": 8, "type": "float"}), False),
        (compressed({"num_bits": 8, "type": "int"}, input_activations={"num_bits": 8}), False),
        (AWQ, False),
    ],
)
def test_activations_decide_in_what_a_card_computes(fields: dict[str, Any], in_fp8: bool) -> None:
    assert quantization(**fields).computes_in_fp8 is in_fp8


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (AWQ, "awq: 4 bits, groups of 128"),
        (FP8_BLOCKS, "fp8: 8 bits, blocks of 128 x 128"),
        ({"quant_method": "fbgemm_fp8"}, "fbgemm_fp8: 8 bits, a scale for each channel"),
        ({"quant_method": "fp8"}, "fp8: 8 bits, one scale for a matrix"),
        ({"quant_method": "aqlm"}, "aqlm"),
        ({}, "unnamed method"),
    ],
)
def test_a_quantisation_is_told_in_words(fields: dict[str, Any], told: str) -> None:
    assert str(quantization(**fields)) == told


@pytest.mark.parametrize(
    "fields",
    [
        {"quant_method": "compressed-tensors"},
        {"quant_method": "compressed-tensors", "config_groups": {"a": {}, "b": {}}},
        {"quant_method": "quark"},
        {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"},
    ],
)
def test_what_is_not_known_has_no_size(fields: dict[str, Any]) -> None:
    assert quantization(**fields).scheme is None


def test_a_value_of_the_wrong_type_is_named() -> None:
    with pytest.raises(ModelConfigError, match=r"quantization_config.bits: Input should be"):
        shape_of(LLAMA_3_8B, quant_method="awq", bits="four")


def test_blocks_of_fp8_that_gpus_would_cut_are_refused() -> None:
    """https://github.com/vllm-project/vllm/issues/17569: Qwen3-235B-A22B-FP8 on eight GPUs."""
    shape = shape_of(published.QWEN3_235B_A22B, **FP8_BLOCKS)
    assert tensor_parallel_sizes(shape) == (1, 2, 4)
    with pytest.raises(DoesNotFitError, match=r"gate_proj would be split into 192, .* can be with"):
        check_tensor_parallel_size(shape, 8)


def test_experts_that_stay_whole_are_not_cut() -> None:
    shape = shape_of(published.QWEN3_235B_A22B, **FP8_BLOCKS)
    check_tensor_parallel_size(shape, 8, whole_experts=True)
    with pytest.raises(DoesNotFitError, match=r"64 attention heads are not divisible by 3\. "):
        check_tensor_parallel_size(shape, 3)


def test_groups_that_gpus_would_cut_are_refused() -> None:
    """https://qwen.readthedocs.io, "GPTQ": 29,568 of Qwen2-72B are padded to 29,696 for this."""
    gptq = {"quant_method": "gptq", "bits": 4, "group_size": 128}
    assert 4 not in tensor_parallel_sizes(shape_of(published.QWEN25_72B, **gptq))
    padded = published.QWEN25_72B | {"intermediate_size": 29_696}
    assert tensor_parallel_sizes(shape_of(padded, **gptq)) == (1, 2, 4, 8)


@given(st.integers(1, 8), st.integers(1, 300), st.integers(1, 5000), st.integers(1, 5000))
def test_no_weight_goes_without_its_bits(bits: int, group: int, inputs: int, outputs: int) -> None:
    scheme = Scheme(bits=bits, block_inputs=group)
    assert scheme.bytes_of(inputs, outputs) > inputs * outputs * bits / 8
