"""The demo critic's tokenizer: byte-level BPE with merges from the phrasings only.

Words of the phrasings become single tokens; words in fields are spelt from small ones, so unseen
names are copied token by token like any other. Byte-level, so any text can be encoded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from revloop.demo.critique import ASPECTS, TAGS
from revloop.demo.phrases import CLOSINGS, DAYS, GREETINGS, KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import PreTrainedTokenizerFast

END = "<|endoftext|>"
VOCABULARY = 1024
# Words with the space before them; each digit, mark and line break separately. So texts that are
# divided at line breaks give the same tokens as the whole.
PIECES = r"\n| ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]|\s"

_FRAME = (
    "### Prompt:\n### Response:\n### Critique:\n### Revised response:\n"
    "### Marked response:\n### Faults:\n### Number of faults:\n### In order:\n"
    "### Corrected message:\nOverall score: 10 8 6 5 4 3 2 1\n"
    "Positive aspects:\nNegative aspects: None.\n"
    "Write a note, one sentence a line.\nName:\nThing:\nDay:\nTime: am pm\n"
    " (want x, right) (want x, fault 1) (once, right) (twice, fault 1) "
    "(want stop (want comma (missing, too much)\n"
    "Right are x. 1. The word x should be x, not x. The greeting is missing. The closing is "
    "missing. Line one is said twice. Line two should begin with x. "
    "Line three should end with a stop. The greeting should end with a comma.\n"
    "Repeat these words:\nCompare these words: same different\nSpell these words:\n"
)


def _corpus() -> Iterator[str]:
    """The texts to learn merges from; of the words in fields, only the days."""
    yield from [_FRAME] * 3
    yield from (f"{tag}:\n" for tag in TAGS.values())
    yield from (f" {word}, {word}" for word in (*ASPECTS, *DAYS, *KINDS))
    for sentences in KINDS.values():
        for phrasing in (*GREETINGS, *CLOSINGS, *(option for role in sentences for option in role)):
            plain = re.sub(r" ?\{\w+\}", "", phrasing)
            yield plain
            yield plain[0].lower() + plain[1:]


def make_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer; the same on every call."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=END,
        clean_up_tokenization_spaces=False,
        model_max_length=2048,
    )
