"""Tiny random reward models."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from tests.helpers.repository import TINY_CRITIC

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}"


def make_reward_model(
    folder: Path, *, outputs: int = 1, context_tokens: int = 256, template: str | None = TEMPLATE
) -> Path:
    """A Llama of two small layers with this many outputs, and the tiny critic's tokenizer."""
    import torch
    from transformers import LlamaForSequenceClassification

    torch.manual_seed(7)
    model = LlamaForSequenceClassification(_config(context_tokens, num_labels=outputs))
    torch.nn.init.normal_(model.score.weight)
    model.save_pretrained(folder)
    _add_tokenizer(folder, template)
    return folder


def make_language_model(folder: Path) -> Path:
    """A Llama that writes, of the same size; some reward models are published in this form."""
    import torch
    from transformers import LlamaForCausalLM

    torch.manual_seed(7)
    model = LlamaForCausalLM(_config(256))
    torch.nn.init.normal_(model.lm_head.weight)
    model.save_pretrained(folder)
    _add_tokenizer(folder, TEMPLATE)
    return folder


def make_encoder(folder: Path) -> Path:
    """A BERT with one output, which reads texts in both directions."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=json.loads((TINY_CRITIC / "config.json").read_text("utf-8"))["vocab_size"],
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_labels=1,
        pad_token_id=0,
    )
    model = BertForSequenceClassification(config)
    torch.nn.init.normal_(model.classifier.weight)
    model.save_pretrained(folder)
    _add_tokenizer(folder, None)
    return folder


def _config(context_tokens: int, **more: Any) -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=json.loads((TINY_CRITIC / "config.json").read_text("utf-8"))["vocab_size"],
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=context_tokens,
        pad_token_id=0,
        **more,
    )


def _add_tokenizer(folder: Path, template: str | None) -> None:
    for file in TINY_CRITIC.glob("*token*"):
        shutil.copy(file, folder)
    settings = folder / "tokenizer_config.json"
    values = json.loads(settings.read_text("utf-8")) | {"chat_template": template}
    settings.write_text(json.dumps(values), encoding="utf-8")
