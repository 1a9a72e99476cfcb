"""Fenced code blocks of a Markdown text."""

from __future__ import annotations

import re
from typing import NamedTuple

_OPENING = re.compile(
    r"(?P<indent>[ \t>]*)(?:[-*+][ \t]+|\d{1,9}[.)][ \t]+)?(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)"
)
_CLOSING = re.compile(r"[ \t>]*(?P<fence>`{3,}|~{3,})[ \t]*")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")


class Fence(NamedTuple):
    """A fenced code block.

    Attributes:
        language: First word after the opening fence, in lower case; empty without one.
        code: Its lines, without the indentation of the fence; each ends with a line feed.
        start: The first character of its opening line.
        end: The character after its closing line; of a block that is not closed, the text's end.
        is_closed: Whether it is closed.
    """

    language: str
    code: str
    start: int
    end: int
    is_closed: bool


def fences(text: str) -> list[Fence]:
    """The fenced code blocks of a text, also in lists and quotations.

    Unlike CommonMark, an indentation of any depth is allowed: models indent blocks in lists freely.
    """
    found: list[Fence] = []
    opening: re.Match[str] | None = None
    lines: list[str] = []
    start = 0
    for place, line in text_lines(text):
        if opening is None:
            opening, start = _opened(line), place
            lines = []
            continue
        closing = _CLOSING.fullmatch(line)
        if closing and closing["fence"].startswith(opening["fence"]):
            found.append(_fence(opening, lines, start, place + len(line), is_closed=True))
            opening = None
        else:
            lines.append(line)
    if opening is not None:
        found.append(_fence(opening, lines, start, len(text), is_closed=False))
    return found


def text_lines(text: str) -> list[tuple[int, str]]:
    """The lines of a text without their ends, each with its first character's place."""
    return [
        (line.start(), line[0].rstrip("\r\n"))
        for line in _LINE.finditer(text)
        if line.end() > line.start()
    ]


def without_fences(text: str) -> str:
    """A text with each fenced code block replaced by a blank line."""
    rest, last = [], 0
    for fence in fences(text):
        rest += [text[last : fence.start], "\n"]
        last = fence.end
    return "".join([*rest, text[last:]])


def _opened(line: str) -> re.Match[str] | None:
    opening = _OPENING.match(line)
    if opening is None or (opening["fence"][0] == "`" and "`" in opening["info"]):
        return None
    return opening


def _fence(
    opening: re.Match[str], lines: list[str], start: int, end: int, *, is_closed: bool
) -> Fence:
    language = (opening["info"].split() or [""])[0].lower().strip("{}.")
    quoted = opening["indent"].count(">")
    width = opening.start("fence") - opening.start()
    inner = [_unindented(line, quoted, width) for line in lines]
    return Fence(language, "".join(f"{line}\n" for line in inner), start, end, is_closed)


def _unindented(line: str, quoted: int, width: int) -> str:
    for _ in range(quoted):
        line = re.sub(r"^[ \t]*>[ \t]?", "", line)
    spaces = len(line) - len(line.lstrip(" \t"))
    return line[min(width, spaces) :] if not quoted else line
