"""Failed checks in words: for a critic, or in place of its critique."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING

from revloop.prompts.parsing import write_critique
from revloop.trajectory import Critique

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.prompts.parsing import Labels
    from revloop.trajectory import Check


def messages_of_failed(checks: Sequence[Check]) -> list[str]:
    """What is wrong with a text, one message for each failed check."""
    return [
        check.message.strip() or f"The check '{check.name}' fails."
        for check in checks
        if check.passed is False
    ]


def listed(messages: Sequence[str]) -> str:
    """A list of messages, whose further lines are indented."""
    return "\n".join(_item("- ", message) for message in messages)


def critique_by_checks(checks: Sequence[Check], labels: Labels | None) -> Critique:
    """A critique of what checks found, in a prompt set's format.

    Its score is the share of the checks that pass, on the set's scale.

    Args:
        checks: What the checks found; at least one.
        labels: The headings; None for free text.
    """
    failed = messages_of_failed(checks)
    if labels is None:
        return Critique(raw=listed(failed) or "none")
    lowest, highest = labels.scale
    share = sum(check.passed is True for check in checks) / len(checks)
    score = round(lowest + share * (highest - lowest), 1)
    passed = ", ".join(check.name for check in checks if check.passed)
    negative = "\n".join(_item(f"{n}. ", message) for n, message in enumerate(failed, 1))
    raw = write_critique(score, passed or "none", negative or "none", labels)
    return Critique(raw=raw, score=score, positive=passed or None, negative=negative or None)


def _item(mark: str, message: str) -> str:
    return mark + indent(message, " " * len(mark)).lstrip()
