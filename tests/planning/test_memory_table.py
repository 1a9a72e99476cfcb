"""The table of models in docs/serving.md is what the planner computes."""

from __future__ import annotations

from typing import Any

from revloop.models.config import known_shape
from revloop.models.matrix import copies_touched
from revloop.models.parallelism import listed, tensor_parallel_sizes
from revloop.planning import plan
from tests.helpers import published_models as published
from tests.helpers.model_configs import FALCON_40B
from tests.helpers.repository import REPOSITORY

AWQ = {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128}}
FP8 = {"quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}
MODELS: dict[str, dict[str, Any]] = {
    "Falcon-40B": FALCON_40B,
    "Llama 3.1 8B": published.LLAMA_31_8B,
    "Llama 3.1 70B, AWQ": published.LLAMA_31_70B | AWQ,
    "Mistral 7B v0.1": published.MISTRAL_7B_V01,
    "Gemma 3 27B": published.GEMMA_3_27B,
    "Mixtral 8x7B": published.MIXTRAL_8X7B,
    "Qwen3-30B-A3B": published.QWEN3_30B_A3B,
    "Qwen3-235B-A22B, FP8": published.QWEN3_235B_A22B | FP8,
    "gpt-oss-20b": published.GPT_OSS_20B_MXFP4,
    "gpt-oss-120b": published.GPT_OSS_120B_MXFP4,
    "DeepSeek-V3, FP8": published.DEEPSEEK_V3_FP8,
}
TOKENS = 32_768


def row(name: str, config: dict[str, Any]) -> str:
    shape = known_shape(config, name)
    assert shape is not None
    planned = plan(shape)
    tokens = min(TOKENS, shape.context_tokens)
    active = f", {shape.active_parameters / 1e9:.1f}" if shape.has_experts else ""
    cells = (
        name,
        f"{shape.parameters / 1e9:.1f} billion{active}",
        f"{planned.weight_bytes / 1e9:.0f} GB",
        f"{planned.kv_cache_bytes_per_token / 1024:g} KiB",
        f"{planned.kv_cache_bytes_per_sequence(tokens) / 2**30:.2f} GiB",
        listed(tensor_parallel_sizes(shape)),
    )
    return f"| {' | '.join(cells)} |"


def test_as_many_experts_are_used_as_the_page_says() -> None:
    page = (REPOSITORY / "docs" / "serving.md").read_text(encoding="utf-8")
    assert "128, 16 drafts use 51 and 256 drafts all" in page
    used = [round(copies_touched(128, 4, drafts)) for drafts in (16, 256)]
    assert used == [51, 128]


def test_the_table_of_models_is_what_the_planner_computes() -> None:
    page = (REPOSITORY / "docs" / "serving.md").read_text(encoding="utf-8")
    computed = "\n".join(row(name, config) for name, config in MODELS.items())
    assert computed in page, f"docs/serving.md should have:\n{computed}"
