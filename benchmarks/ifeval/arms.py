"""The ways to better answers that are compared, and the sampling that they share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TOKEN_LIMIT = 448
"""Most tokens of any answer. A revision that is cut is refused; of drafts, cut ones count too."""

SAMPLING: dict[str, Any] = {"temperature": 0.7, "min_p": 0.1, "repetition_penalty": 1.05}
"""Without `min_p`, a third of the replies of so small a model run away to the token limit."""

COMMON: dict[str, Any] = {
    **SAMPLING,
    "prompts": "chat-plain",
    "revision_max_tokens": TOKEN_LIMIT,
    "tries": 3,
    # what these guards refuse is what prompts of IFEval ask for
    "no_guards": [
        *("too_short", "lost_list", "lost_numbers", "lost_code", "about_itself", "placeholder"),
        *("prompt_as_answer", "copied_prompt", "copied_critique", "critique_passages"),
    ],
}

ANEW = Path(__file__).with_name("anew")
"""The prompt set that asks for a new answer: first what the last one lacked, then the prompt."""

_ANEW: dict[str, Any] = {
    "critique": "checks",
    "prompts": ANEW,
    "early_stop": False,  # the same answer twice says nothing about the next
}

SHORT_ANEW = Path(__file__).with_name("short")
"""The same, which asks for a short answer."""

LOOP = "checks, anew"
SHORT = "checks, anew, short"

RIVALS = {LOOP: "{}", SHORT: "{}\n\nKeep the answer short."}
"""The ways whose tokens a best of N may spend, and how its drafts are asked for."""

ARMS: dict[str, dict[str, Any]] = {
    LOOP: _ANEW,
    SHORT: {**_ANEW, "prompts": SHORT_ANEW},
    "checks, anew, gate": {**_ANEW, "keep": "gate"},
    "checks, rewritten": {"critique": "checks"},
    "checks, rewritten, gate": {"critique": "checks", "keep": "gate"},
    "own critique, told": {},
    "own critique, no checks": {"checks": []},
}
"""The options of the loop, by the name of the way."""


def message(arm: str) -> str:
    """What a way is told of an instruction that is not followed, which stands for `{}`."""
    return (
        "{}"
        if ARMS[arm].get("prompts") in (ANEW, SHORT_ANEW)
        else "This instruction is not followed: {}"
    )


def file_name(arm: str, seed: int) -> str:
    """The name of a way's store."""
    return f"{arm.replace(', ', '-').replace(' ', '-')}-seed{seed}.sqlite"


def drawn_name(arm: str, seed: int) -> str:
    """The name of the file with the drafts of a way's rival; the first ones are in the loop's."""
    return f"drawn-{'short-' if arm == SHORT else ''}seed{seed}.jsonl"
