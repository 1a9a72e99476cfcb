"""The ways to better answers that are compared, and the sampling that they share."""

from __future__ import annotations

from typing import Any

FIRST_TOKENS = 512
"""Most tokens of the first draft."""

AT_MOST_TOKENS = 640
"""Most tokens of a further draft, and of a revision: one that is cut is refused, a draft is not."""

SAMPLING: dict[str, Any] = {"temperature": 0.7, "min_p": 0.1, "repetition_penalty": 1.05}
"""Without `min_p`, a third of the replies of so small a model run away to the token limit."""

COMMON: dict[str, Any] = {
    **SAMPLING,
    "prompts": "chat-plain",
    "revision_max_tokens": AT_MOST_TOKENS,
    "tries": 3,
    # a revision may have to be shorter, or to lose a list, to follow its prompt
    "no_guards": ["too_short", "lost_list", "lost_numbers", "about_itself"],
}

LOOP = "checks"
"""The way whose tokens the best of N may spend."""

ARMS: dict[str, dict[str, Any]] = {
    LOOP: {"critique": "checks"},
    "checks, gate": {"critique": "checks", "keep": "gate"},
    "own critique, told": {},
    "own critique, told, not stopped": {"stop_verified": False},
    "own critique, not told": {"critique": "blind"},
    "own critique, no checks": {"checks": []},
}
"""The options of the loop, by the name of the way."""


def file_name(arm: str, seed: int) -> str:
    """The name of a way's store."""
    return f"{arm.replace(', ', '-').replace(' ', '-')}-seed{seed}.sqlite"
