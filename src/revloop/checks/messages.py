"""Messages of checks: bounded, and without what only a terminal understands."""

from __future__ import annotations

import re

MESSAGE_CHARACTERS = 2_000
"""The longest message that is kept of a check."""

_CUT = "[…]\n"
_CONTROLS = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, movements
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_LINE_END = re.compile(r"\r+\n?")


def shortened(message: str) -> str:
    """A message without its middle if it is too long: an error stands at the start or the end."""
    message = message.strip().encode("utf-8", "backslashreplace").decode()
    if len(message) <= MESSAGE_CHARACTERS:
        return message
    half = (MESSAGE_CHARACTERS - len(_CUT) - 1) // 2
    return f"{message[:half]}\n{_CUT}{message[-half:]}"


def plain(output: str) -> str:
    """A command's output without colours and other control characters."""
    return _CONTROLS.sub("", _LINE_END.sub("\n", output)).strip()


def tail(output: str, characters: int) -> str:
    """The last lines of a command's output: errors stand at its end."""
    if len(output) <= characters:
        return output
    last = output[-(characters - len(_CUT)) :]
    _, newline, whole_lines = last.partition("\n")
    return _CUT + (whole_lines if newline and whole_lines else last)
