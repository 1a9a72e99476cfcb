"""A tiny Falcon: Falcon-40B's architecture at a size that two cores can train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revloop.demo.training.tokenizer import END

if TYPE_CHECKING:
    from transformers import FalconForCausalLM, PreTrainedTokenizerFast


def make_model(
    tokenizer: PreTrainedTokenizerFast, *, layers: int = 4, hidden: int = 256, seed: int = 0
) -> FalconForCausalLM:
    """An untrained model for the tokenizer, in bf16.

    Args:
        tokenizer: Defines the vocabulary and the end token.
        layers: Number of decoder layers.
        hidden: Width. The model has four heads and two KV heads, so it can be split over two ranks.
        seed: Random seed of the initial weights.
    """
    import torch
    from transformers import FalconConfig, FalconForCausalLM

    end: Any = tokenizer.convert_tokens_to_ids(END)
    config = FalconConfig(
        vocab_size=-(-len(tokenizer) // 64) * 64,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_kv_heads=2,
        new_decoder_architecture=True,
        parallel_attn=True,
        alibi=False,
        bias=False,
        tie_word_embeddings=True,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        max_position_embeddings=2048,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
    )
    torch.manual_seed(seed)
    model = FalconForCausalLM(config)
    for weight in model.parameters():
        # not model.bfloat16(): rotary frequencies stay in fp32, as in a loaded model
        weight.data = weight.data.bfloat16()
    return model
