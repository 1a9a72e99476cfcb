"""A Falcon that trains in a second, and records for it: shared by the fine-tuning tests."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from revloop.finetune import FinetuneSettings, LoraSettings
from tests.helpers.repository import TINY_CRITIC

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("Maria", "Ali", "Chen", "Olga", "Femi", "Ines", "Raj", "Yuki", "Tom", "Zoe")

QUICK = FinetuneSettings(
    method="full",
    precision="fp32",
    epochs=2,
    batch_size=4,
    micro_batch_size=4,
    learning_rate=1e-2,
    max_grad_norm=1.0,
    gradient_checkpointing=False,
    checkpoint_steps=3,
    patience=None,
)
"""All weights of a tiny Falcon, a few steps, a checkpoint every third."""

QUICK_LORA = QUICK.model_copy(
    update={
        "method": "lora",
        # dropout reveals a resume that loses the random state
        "lora": LoraSettings(rank=4, alpha=8, dropout=0.1),
        "gradient_checkpointing": True,
    }
)


def make_base(folder: Path, **sizes: Any) -> Path:
    """An untrained Falcon of Falcon-40B's architecture with the shipped critic's tokenizer."""
    import torch
    from transformers import FalconConfig, FalconForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    vocabulary = json.loads((TINY_CRITIC / "config.json").read_text("utf-8"))["vocab_size"]
    config = FalconConfig(
        vocab_size=vocabulary,
        new_decoder_architecture=True,
        parallel_attn=True,
        alibi=False,
        bias=False,
        tie_word_embeddings=True,
        max_position_embeddings=512,
        bos_token_id=0,
        eos_token_id=0,
        **{
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_kv_heads": 2,
            **sizes,
        },
    )
    torch.manual_seed(0)
    FalconForCausalLM(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(TINY_CRITIC / name, folder)
    return folder


def feedback(name: str) -> dict[str, Any]:
    """One record as a line of JSONL."""
    return {
        "prompt": f"Thank {name}.",
        "response": f"Dear {name}, thank you",
        "score": 6,
        "positive": "Polite.",
        "negative": "No full stop.",
        "revision": f"Dear {name}, thank you.",
    }


def write_records(path: Path, rows: list[dict[str, Any]] | None = None) -> Path:
    """A JSONL file of records."""
    rows = [feedback(name) for name in NAMES] if rows is None else rows
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
