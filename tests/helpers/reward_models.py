"""Tiny random reward models."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from tests.helpers.repository import TINY_CRITIC

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}"


def make_reward_model(
    folder: Path, *, outputs: int = 1, context_tokens: int = 256, template: str | None = TEMPLATE
) -> Path:
    """A Llama of two small layers with this many outputs, and the tiny critic's tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForSequenceClassification

    torch.manual_seed(7)
    vocabulary = json.loads((TINY_CRITIC / "config.json").read_text("utf-8"))["vocab_size"]
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=context_tokens,
        num_labels=outputs,
        pad_token_id=0,
    )
    model = LlamaForSequenceClassification(config)
    torch.nn.init.normal_(model.score.weight)
    model.save_pretrained(folder)
    for file in TINY_CRITIC.glob("*token*"):
        shutil.copy(file, folder)
    settings = folder / "tokenizer_config.json"
    values = json.loads(settings.read_text("utf-8")) | {"chat_template": template}
    settings.write_text(json.dumps(values), encoding="utf-8")
    return folder
