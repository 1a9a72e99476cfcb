"""What a built-in check says of a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from revloop.checks.builtin import BuiltInCheck


def says(check: BuiltInCheck, text: str, original: str = "An answer.") -> str | None:
    """The message of a check that fails; None if it passes."""
    result = check.result(original, text)
    assert (result.passed is True) == (result.message == "")
    return None if result.passed else result.message


def shows(check: BuiltInCheck, text: str, original: str = "An answer.") -> list[str]:
    """The passages that a check finds."""
    spans = check.result(original, text).spans
    return [text[span.start : span.end] for span in spans]
