"""Configs of published models, and folders that look like a model's, for the serving tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

FALCON_40B: dict[str, Any] = {
    "architectures": ["FalconForCausalLM"],
    "model_type": "falcon",
    "vocab_size": 65024,
    "hidden_size": 8192,
    "num_hidden_layers": 60,
    "num_attention_heads": 128,
    "num_kv_heads": 8,
    "new_decoder_architecture": True,
    "multi_query": True,
    "parallel_attn": True,
    "bias": False,
    "alibi": False,
    "torch_dtype": "bfloat16",
}
FALCON_7B: dict[str, Any] = FALCON_40B | {
    "hidden_size": 4544,
    "num_hidden_layers": 32,
    "num_attention_heads": 71,
    "num_kv_heads": 71,
    "new_decoder_architecture": False,
}
FALCON_RW_1B: dict[str, Any] = FALCON_40B | {
    "vocab_size": 50304,
    "hidden_size": 2048,
    "num_hidden_layers": 24,
    "num_attention_heads": 32,
    "num_kv_heads": 32,
    "new_decoder_architecture": False,
    "multi_query": False,
    "parallel_attn": False,
    "bias": True,
    "alibi": True,
}
FALCON_11B: dict[str, Any] = FALCON_40B | {
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_kv_heads": 8,
    "ffn_hidden_size": 16384,
    "num_ln_in_parallel_attn": 1,
    "tie_word_embeddings": False,
    "max_position_embeddings": 8192,
}
TINY_FALCON: dict[str, Any] = FALCON_40B | {
    "vocab_size": 320,
    "hidden_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_kv_heads": 2,
    "max_position_embeddings": 2048,
}
LLAMA_3_8B: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 128256,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
MISTRAL_7B: dict[str, Any] = LLAMA_3_8B | {
    "architectures": ["MistralForCausalLM"],
    "model_type": "mistral",
    "vocab_size": 32000,
}
QWEN2_500M: dict[str, Any] = LLAMA_3_8B | {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "vocab_size": 151936,
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "tie_word_embeddings": True,
}
QWEN3_600M: dict[str, Any] = QWEN2_500M | {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
}


def model_folder(parent: Path, config: dict[str, Any] = TINY_FALCON) -> Path:
    """A folder with a config and an empty weights file: enough without a real engine."""
    folder = parent / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "model.safetensors").touch()
    return folder
