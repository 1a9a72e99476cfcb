"""Tokens of an answer: all of its calls together, and the parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revloop.engines.replies import usage_in
from revloop.trajectory import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from revloop.trajectory import Trajectory

PARTS = ("draft", "critique", "revision", "judge")
"""What the calls of an answer are for. One reply that is critique and revision is a revision."""


def usage_parts(reply: Mapping[str, Any], trajectories: Sequence[Trajectory]) -> dict[str, Usage]:
    """The tokens of each part, of all choices together.

    Args:
        reply: The upstream's reply.
        trajectories: What became of its choices.
    """
    parts = dict.fromkeys(PARTS, Usage()) | {"draft": usage_in(reply)}
    for trajectory in trajectories:
        for step in trajectory.steps:
            part = "critique" if step.kind == "critique" else "revision"
            parts[part] += step.usage
        for version in trajectory.versions:
            parts["judge"] += version.judging.usage
    return parts


def total(parts: Mapping[str, Usage]) -> dict[str, Any]:
    """The sum of parts, as OpenAI's ``usage``."""
    return as_openai(sum(parts.values(), Usage()))


def as_openai(usage: Usage) -> dict[str, Any]:
    """Tokens as OpenAI's ``usage``."""
    shown: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.generated_tokens,
        "total_tokens": usage.prompt_tokens + usage.generated_tokens,
    }
    if usage.cached_tokens is not None:
        shown["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    if usage.thinking_tokens is not None:
        shown["completion_tokens_details"] = {"reasoning_tokens": usage.thinking_tokens}
    return shown
