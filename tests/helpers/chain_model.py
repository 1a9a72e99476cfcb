"""A model that always thinks, then answers: each token has one successor, whatever came before.

Its attention and its feed-forward layers add nothing, so the next token depends on the last one
alone. The chat template ends the prompt with ``<think>``, or with a closed thought if thinking is
switched off, as those of real reasoning models do.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.helpers.repository import TINY_CRITIC

if TYPE_CHECKING:
    from pathlib import Path

OPENING, CLOSING = "<think>", "</think>"
THOUGHT = "Let me think"
CRITIQUE, REVISION = "It is dull", "Good day"
ANSWER = f"{CRITIQUE}<revised_response>{REVISION}</revised_response>"

_TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<think>"
    "{% if enable_thinking is defined and not enable_thinking %}</think>{% endif %}{% endif %}"
)
_WIDTH = 256


def make_chain_model(folder: Path) -> Path:
    """Write the model, its tokenizer and its chat template."""
    import torch
    from transformers import AddedToken, AutoTokenizer, LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(str(TINY_CRITIC))
    pieces = re.findall(r"</?\w+>| ?\w+", OPENING + THOUGHT + CLOSING + ANSWER)
    # words as whole tokens: no token may come twice
    tokenizer.add_tokens([AddedToken(piece, normalized=False) for piece in pieces])
    tokenizer.chat_template = _TEMPLATE
    end = tokenizer.eos_token_id
    chain = [*tokenizer.convert_tokens_to_ids(pieces), end]
    assert len(set(chain)) == len(chain), "a token with two successors"
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=_WIDTH,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=4,
            max_position_embeddings=2048,
            tie_word_embeddings=False,
            bos_token_id=None,
            eos_token_id=end,
        )
    )
    with torch.no_grad():
        layer = model.model.layers[0]
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.normal_()
        model.lm_head.weight.zero_()
        for token, successor in pairwise(chain):
            model.lm_head.weight[successor] = model.model.embed_tokens.weight[token]
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    return folder
