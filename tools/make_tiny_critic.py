"""Train `tests/helpers/tiny_critic`: a Falcon that writes well-formed critiques of any text.

    python tools/make_tiny_critic.py

The tests need a small, fast critic that gives a well-formed reply to any input: model answers,
special tokens, noise. This one memorises two critiques and two revisions and repeats them after any
text. It has Falcon-40B's architecture, supports tensor-parallel size 2, and its tokens are single
bytes. Training takes about three minutes on two cores.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import FalconConfig, FalconForCausalLM, PreTrainedTokenizerFast

from revloop.prompts import PromptSet
from revloop.trajectory import Draft

FOLDER = Path(__file__).parents[1] / "tests" / "helpers" / "tiny_critic"
END = "<|endoftext|>"
VOCABULARY = 260
CONTEXT_TOKENS = 4096
STEPS = 300
BATCH_TOKENS = 4096
LEARNING_RATE = 3e-3
CNR = PromptSet.load("cnr")
REPLIES = (
    (
        (
            "Overall score: 4\nPositive aspects: It answers the question.\n"
            "Negative aspects: It is longer than it needs to be."
        ),
        "Here is the answer in short, with the reason for each step.",
    ),
    (
        (
            "Overall score: 6\nPositive aspects: The order is clear.\n"
            "Negative aspects: One step lacks its reason."
        ),
        "Here is the answer again, shorter and in a better order.",
    ),
)
LENGTHS = (3, 12, 30, 50, 100, 200, 400, 400, 900, 1800)
"""Lengths of the training responses, in characters."""


def make_tokenizer() -> Tokenizer:
    """A tokenizer of 256 bytes and an end token."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {END: 0} | {letter: number for number, letter in enumerate(letters, start=1)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(END, special=True, normalized=False)])
    return tokenizer


def make_model() -> FalconForCausalLM:
    """An untrained model of 0.4 million parameters."""
    config = FalconConfig(
        vocab_size=VOCABULARY,
        hidden_size=128,
        ffn_hidden_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_kv_heads=2,
        new_decoder_architecture=True,
        parallel_attn=True,
        alibi=False,
        bias=False,
        tie_word_embeddings=True,
        max_position_embeddings=CONTEXT_TOKENS,
        bos_token_id=0,
        eos_token_id=0,
    )
    return FalconForCausalLM(config)


def some_text(rng: Random, length: int) -> str:
    """Made-up words, ASCII noise, non-ASCII letters, or one of the critic's own replies."""
    kind = rng.random()
    if kind < 0.2:
        return rng.choice(REPLIES)[1]
    if kind < 0.35:
        return "".join(chr(rng.randrange(32, 127)) for _ in range(length)).strip() or "x"
    if kind < 0.45:
        return "".join(chr(rng.randrange(0xA1, 0x2FFF)) for _ in range(length // 2 + 1))
    words: list[str] = []
    while sum(map(len, words)) < length:
        word = "".join(rng.choice("aeioubcdlmnrst") for _ in range(rng.randint(1, 9)))
        words.append(word + rng.choice(("", "", "", "", ",", ".", ".\n", ":\n- ", "\n\n")))
    return " ".join(words)[:length].strip() or "x"


def example(rng: Random, tokenizer: Tokenizer, length: int) -> tuple[list[int], list[int]]:
    """Token ids and labels; -100 marks tokens without a loss."""
    draft = Draft(prompt=some_text(rng, rng.randrange(5, 80)), response=some_text(rng, length))
    critique, revision = rng.choice(REPLIES)
    prompt = tokenizer.encode(str(CNR.critique_prompt(draft, draft.response))).ids
    answer = [*tokenizer.encode(critique + CNR.bridge + revision).ids, 0]
    # teaches the critic to ignore end tokens inside a text
    prompt = [0 if rng.random() < 0.003 else token for token in prompt[:-14]] + prompt[-14:]
    return prompt + answer, [-100] * len(prompt) + answer


def batch(rng: Random, tokenizer: Tokenizer) -> dict[str, torch.Tensor]:
    """Left-padded examples of one length."""
    length = rng.choice(LENGTHS)
    rows = min(64, max(2, BATCH_TOKENS // (length + 250)))
    pairs = [example(rng, tokenizer, length) for _ in range(rows)]
    width = max(len(ids) for ids, _ in pairs)
    return {
        "input_ids": torch.tensor([[0] * (width - len(ids)) + ids for ids, _ in pairs]),
        "attention_mask": torch.tensor(
            [[0] * (width - len(ids)) + [1] * len(ids) for ids, _ in pairs]
        ),
        "labels": torch.tensor([[-100] * (width - len(ids)) + labels for ids, labels in pairs]),
    }


def train(model: FalconForCausalLM, tokenizer: Tokenizer) -> None:
    """Train until the replies are memorised."""
    rng = Random(0)
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule: Any = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, LEARNING_RATE, total_steps=STEPS + 1, pct_start=0.03, anneal_strategy="linear"
    )
    for step in range(STEPS):
        loss = model(**batch(rng, tokenizer)).loss
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 50 == 0 or step == STEPS - 1:
            print(f"step {step} of {STEPS}: loss {loss.item():.4f}", flush=True)


def main() -> None:
    """Train and save the critic."""
    torch.manual_seed(0)
    tokenizer, model = make_tokenizer(), make_model()
    train(model, tokenizer)
    model.to(torch.bfloat16).save_pretrained(FOLDER)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        clean_up_tokenization_spaces=False,
        model_max_length=CONTEXT_TOKENS,
    ).save_pretrained(FOLDER)


if __name__ == "__main__":
    main()
