"""The KV cache that vLLM allocates for small models of each kind of attention, on a CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from revloop.models.config import read_shape
from revloop.models.cpu import vllm_runs_on_cpu
from tests.helpers import published_models as published
from tests.helpers.repository import need_vllm

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.vllm, pytest.mark.slow, pytest.mark.timeout(900)]

SIZES = {
    "hidden_size": 256,
    "intermediate_size": 512,
    "moe_intermediate_size": 128,
    "vocab_size": 512,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "max_position_embeddings": 4096,
}
LATENT = {
    "num_hidden_layers": 3,
    "num_key_value_heads": 4,
    "n_routed_experts": 8,
    "num_experts_per_tok": 2,
    "kv_lora_rank": 64,
    "qk_rope_head_dim": 32,
    "qk_nope_head_dim": 32,
    "v_head_dim": 32,
    "topk_method": "greedy",
    "scoring_func": "softmax",
}
EXPERTS = {"num_hidden_layers": 3, "num_experts": 8, "num_experts_per_tok": 2}
MODELS: dict[str, dict[str, Any]] = {
    "two global and eleven local layers": published.GEMMA_3_1B
    | SIZES
    | {"num_hidden_layers": 13, "sliding_window": 128},
    "as many local as global layers": published.GEMMA_2_9B
    | SIZES
    | {"num_hidden_layers": 6, "sliding_window": 256},
    "a window in all layers": published.MISTRAL_7B_V01
    | SIZES
    | {"num_hidden_layers": 4, "sliding_window": 256},
    "experts": published.QWEN3_30B_A3B | SIZES | EXPERTS,
    "latent attention": {
        key: value
        for key, value in (published.DEEPSEEK_V2_LITE | SIZES | LATENT).items()
        if key != "head_dim"
    },
}
PROGRAM = """
import json, sys
from vllm import LLM

if __name__ == "__main__":
    model = LLM(
        model=sys.argv[1],
        skip_tokenizer_init=True,
        load_format="dummy",
        enforce_eager=True,
        max_num_seqs=4,
        max_num_batched_tokens=512,
    )
    cache = model.llm_engine.vllm_config.cache_config
    print(json.dumps([cache.num_gpu_blocks, cache.block_size]))
"""


@pytest.mark.parametrize("config", MODELS.values(), ids=MODELS)
def test_the_blocks_of_the_kv_cache_are_as_many_as_vllm_allocates(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    need_vllm()
    if not vllm_runs_on_cpu():
        pytest.skip("the size of the cache is set by a variable of the CPU build")
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    own = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | own | {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"},
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    blocks, block_tokens = json.loads(finished.stdout.splitlines()[-1])
    shape = read_shape(str(tmp_path))
    in_a_layer = 2 * shape.attention.kv_values(1) * block_tokens
    assert blocks == 2**30 // (shape.cache_layout.layers * in_a_layer)
