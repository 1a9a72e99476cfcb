"""A judge that knows no reference: the text that the untrained base model finds more likely.

For `revloop batch --keep gate --judge benchmarks.jfleg.fluency:judge`. `REVLOOP_JFLEG_BASE` names
the model's folder. The critic's own score says little about a change; how much more usual a text
has become does (D. Alikaniotis, V. Raheja, arXiv 1906.01733).
"""

from __future__ import annotations

import os
import re
from functools import cache
from threading import Lock
from typing import Any

FOLDER = "REVLOOP_JFLEG_BASE"
_JOINED = re.compile(r" (n't|'s|'re|'ve|'ll|'d|'m)\b| ([,.;:?!%)])")
LOCK = Lock()
"""Held by whoever uses a model: one text at a time."""


def judge(_prompt: str, first: str, second: str) -> tuple[str, str]:
    """The text with the higher mean log-probability of its tokens."""
    with LOCK:
        scores = score(first), score(second)
    reason = f"log-probability {scores[0]:.3f} and {scores[1]:.3f} a token"
    if scores[0] == scores[1]:
        return "tie", reason
    return ("first" if scores[0] > scores[1] else "second"), reason


@cache
def score(text: str) -> float:
    """Mean log-probability of a text's tokens under the base model, after a line break."""
    import torch

    tokenizer, model = loaded(os.environ[FOLDER])
    ids = tokenizer("\n" + joined(text), return_tensors="pt").input_ids
    with torch.inference_mode():
        return -float(model(input_ids=ids, labels=ids).loss)


def joined(text: str) -> str:
    """A text whose words are divided by blanks, as people write it."""
    return _JOINED.sub(r"\1\2", text).replace("( ", "(")


@cache
def loaded(folder: str) -> tuple[Any, Any]:
    """Tokenizer and model of a folder."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    return AutoTokenizer.from_pretrained(folder), model.eval()
