"""The passages of an answer that are prose: no code, tables, short lines or marks of lists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from revloop.markdown.fences import fences

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARK = re.compile(r"\s*(?:>\s*)*(?:[-*+\u2022]\s+|\d+[.)]\s+|#+\s+)?")
_WORD = re.compile(r"[a-z]{3}")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_FEWEST_WORDS = 5
MOST_WORDS = 90
"""Longer lines are read a few sentences at a time: the records were not longer."""
MOST_CHARACTERS = 2000
"""A longer sentence is not read: the model could not write it in full."""


class Passage(NamedTuple):
    """A passage of a text, in characters."""

    start: int
    end: int


def passages(text: str) -> Iterator[Passage]:
    """The passages to proofread, in their order."""
    code = iter(fences(text))
    block = next(code, None)
    at = 0
    for line in text.splitlines(keepends=True):
        while block is not None and block.end <= at:
            block = next(code, None)
        is_code = block is not None and block.start <= at
        if not is_code and "|" not in line and not line.startswith(("    ", "\t")):
            mark = _MARK.match(line)
            begin = at + (mark.end() if mark else 0)
            end = at + len(line.rstrip())
            yield from (one for one in _parts(text, begin, end) if _is_prose(text, one))
        at += len(line)


def _is_prose(text: str, passage: Passage) -> bool:
    prose = text[passage.start : passage.end]
    return (
        len(prose) <= MOST_CHARACTERS
        and len(prose.split()) >= _FEWEST_WORDS
        and _WORD.search(prose) is not None
    )


def _parts(text: str, start: int, end: int) -> Iterator[Passage]:
    """The stretch, divided between sentences where it is too long."""
    begin, words = start, 0
    last = start
    for stop in [*(match.end() for match in _SENTENCE_END.finditer(text, start, end)), end]:
        new = len(text[last:stop].split())
        if words and words + new > MOST_WORDS:
            yield _trimmed(text, begin, last)
            begin, words = last, 0
        words += new
        last = stop
    yield _trimmed(text, begin, end)


def _trimmed(text: str, start: int, end: int) -> Passage:
    return Passage(start, start + len(text[start:end].rstrip()))
