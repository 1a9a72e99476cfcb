"""A model folder of Falcon-40B's shape without weights: config and generated tokenizer."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

CONFIG = Path(__file__).parents[1] / "scale" / "falcon-40b" / "config.json"
TINY = {
    "vocab_size": 4096,
    "hidden_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_kv_heads": 2,
}
END = "<|endoftext|>"
_MERGED_WORDS = 1500
_WHOLE_GIB = 110
"""With this much memory, 83 GB of weights leave room for the KV cache on one card."""
_FP8_GIB = 70
_LAYER_GIB = 1.27  # 60 of them and the embeddings make 83 GB
_WEIGHTS_SHARE = 0.65


@dataclass(frozen=True, slots=True)
class Build:
    """How the model is made to fit a card.

    Attributes:
        shape: ``falcon-40b`` or ``tiny``.
        layers: Number of layers.
        quantization: vLLM's quantization method; None for bf16.
        why: The reason for this build.
    """

    shape: str
    layers: int
    quantization: str | None
    why: str

    def record(self) -> dict[str, Any]:
        """The build as part of a result."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Card:
    """A GPU, as reported by ``nvidia-smi``."""

    name: str
    memory_gib: float
    driver: str


def cards() -> list[Card]:
    """The GPUs of this machine; empty without ``nvidia-smi``."""
    query = "--query-gpu=name,memory.total,driver_version"
    try:
        printed = subprocess.run(
            ["nvidia-smi", query, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    rows = [[part.strip() for part in line.split(",")] for line in printed.splitlines() if line]
    return [Card(name, float(mib) / 1024, driver) for name, mib, driver in rows]


def choose_builds(shape: str, found: list[Card]) -> list[Build]:
    """The builds to try, best first."""
    if shape == "tiny":
        return [Build("tiny", TINY["num_hidden_layers"], None, "to test this script")]
    layers = json.loads(CONFIG.read_text(encoding="utf-8"))["num_hidden_layers"]
    gib = min((card.memory_gib for card in found), default=0.0)
    fewer = max(1, min(layers, int(gib * _WEIGHTS_SHARE / _LAYER_GIB)))
    cut = Build(shape, fewer, None, f"as many layers in bf16 as fit in {gib:.0f} GiB")
    if gib >= _WHOLE_GIB:
        return [Build(shape, layers, None, f"the whole model in bf16 fits in {gib:.0f} GiB"), cut]
    if gib >= _FP8_GIB:
        why = f"83 GB in bf16 do not fit in {gib:.0f} GiB, half of it does"
        return [Build(shape, layers, "fp8", why), cut]
    return [cut]


def write_model(folder: Path, build: Build) -> Path:
    """Write config and tokenizer to a folder."""
    config: dict[str, Any] = json.loads(CONFIG.read_text(encoding="utf-8"))
    if build.shape == "tiny":
        config |= TINY
    config |= {"num_hidden_layers": build.layers, "bos_token_id": 0, "eos_token_id": 0}
    config["max_position_embeddings"] = 2048
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    make_tokenizer(config["vocab_size"]).save(str(folder / "tokenizer.json"))
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END, "bos_token": END}
    (folder / "tokenizer_config.json").write_text(json.dumps(about), encoding="utf-8")
    return folder


def make_tokenizer(entries: int) -> Tokenizer:
    """A byte-level BPE tokenizer with an exact vocabulary size.

    It has the ASCII bytes, merges learned from made-up words, and padding that no text uses. So
    any ids that a model with dummy weights generates decode to whole characters.

    Args:
        entries: Size of the vocabulary.
    """
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = byte_level
    ascii_bytes = byte_level.pre_tokenize_str("".join(map(chr, range(128))))
    alphabet = sorted({letter for piece, _ in ascii_bytes for letter in piece})
    trainer = trainers.BpeTrainer(
        vocab_size=min(entries, _MERGED_WORDS),
        initial_alphabet=alphabet,
        special_tokens=[END],
        show_progress=False,
    )
    random = Random(0)
    learner.train_from_iterator(
        (" ".join(random.choices(WORDS, k=40)) for _ in range(400)), trainer
    )
    learned = json.loads(learner.to_str())["model"]
    vocabulary: dict[str, int] = learned["vocab"]
    for number in range(len(vocabulary), entries):
        vocabulary[f"Ġpad{number}"] = number
    merges = [tuple(merge) for merge in learned["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = byte_level
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([END])
    return tokenizer


def _made_up_words(count: int) -> list[str]:
    random = Random(1)
    parts = [first + second for first in "bdfgklmnprstvz" for second in ("a", "e", "i", "o", "u")]
    return ["".join(random.choices(parts, k=random.randint(1, 4))) for _ in range(count)]


WORDS = _made_up_words(800)
