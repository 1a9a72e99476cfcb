"""Words, sentences and paragraphs of a text, and texts folded for comparison."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from revloop.markdown.fences import fences, text_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNSPACED = re.compile(
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"
)
"""Letters of scripts that put no space between words (Chinese, Japanese)."""

_SENTENCE_END = re.compile(
    r"(?<![.!?\u2026])[.!?\u2026]+[\"'\u201d\u2019\u00bb)\]*_]*(?=\s|\Z)|[\u3002\uff01\uff1f]+"
)
_STARTS_A_BLOCK = re.compile(r"[ \t>]*(?:[-*+\u2022][ \t]|\d{1,9}[.)][ \t]|#{1,6}[ \t]|\|)")
_HEADING_OR_ROW = re.compile(r"[ \t>]*(?:#{1,6}[ \t]|\|)")
_LAST_WORD = re.compile(r"[^\s(\[\"'\u201c]{1,12}\Z")
_ABBREVIATION = re.compile(
    r"(?:mrs?|ms|[djs]r|prof|st|vs|figs?|eq|vol|pp|eds?|gen|sen|rep|e\.g|i\.e|cf|approx|al|inc|"
    r"ltd|co|corp|dept|mt|z\.b|d\.h|bzw|[^\W\d_])\.",
    re.IGNORECASE,
)
_QUOTES = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201b\u02bc", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011", "-"),
        "\u00ad": None,
        "\u200b": None,
    }
)


def count_words(text: str) -> int:
    """Runs between white space with a letter or digit; Chinese and Japanese letters one by one."""
    spaced, unspaced = _UNSPACED.subn(" ", text)
    return unspaced + sum(any(map(str.isalnum, run)) for run in spaced.split())


def paragraphs(text: str) -> list[str]:
    """Runs of lines that are not blank; a fenced code block is part of one paragraph."""
    inside = [(fence.start, fence.end) for fence in fences(text)]
    found: list[list[str]] = [[]]
    fence = 0
    for place, line in text_lines(text):
        while fence < len(inside) and inside[fence][1] <= place:
            fence += 1
        in_code = fence < len(inside) and inside[fence][0] <= place
        if line.strip() or in_code:
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return ["\n".join(lines) for lines in found if lines]


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence with a word; code blocks have none.

    A sentence ends with its mark, or where its paragraph, list item, heading or table row ends.
    """
    for start, end in _blocks(text):
        first = start
        for mark in _SENTENCE_END.finditer(text, start, end):
            if _ends(text, first, mark, end):
                yield from _with_a_word(text, first, mark.end())
                first = mark.end()
        yield from _with_a_word(text, first, end)


def folded(text: str) -> str:
    """A text without differences of case, typographic quotes and Unicode form."""
    plain = unicodedata.normalize("NFKC", text).translate(_QUOTES).casefold()
    return unicodedata.normalize("NFKC", plain)


def keeps_places(text: str) -> bool:
    """Whether each character of a text is at the same place in the folded text."""
    return text.isascii() or (
        unicodedata.is_normalized("NFKC", text)
        and len(folded(text)) == len(text)
        and not any(character in text for character in "\u00ad\u200b")
    )


@cache
def part_of_a_word() -> str:
    r"""The inside of a character class of all that a word consists of, combining marks included.

    ``\w`` alone leaves marks out, so that "cafe" would be a word of "café" and no word of Hindi
    would be whole.
    """
    marks = [n for n in range(0x300, 0x10000) if unicodedata.category(chr(n)).startswith("M")]
    runs = [list(run) for _, run in groupby(enumerate(marks), lambda pair: pair[1] - pair[0])]
    return r"\w" + "".join(f"{chr(run[0][1])}-{chr(run[-1][1])}" for run in runs)


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each paragraph, list item, heading and table row."""
    skipped = iter(fences(text))
    fence = next(skipped, None)
    start: int | None = None
    end = 0
    for place, line in text_lines(text):
        while fence is not None and fence.end <= place:
            fence = next(skipped, None)
        in_code = fence is not None and fence.start <= place
        ends_before = in_code or not line.strip() or bool(_STARTS_A_BLOCK.match(line))
        if start is not None and (ends_before or _HEADING_OR_ROW.match(text, start, end)):
            yield start, end
            start = None
        if not in_code and line.strip():
            start = place if start is None else start
            end = place + len(line)
    if start is not None:
        yield start, end


def _ends(text: str, first: int, mark: re.Match[str], end: int) -> bool:
    """Whether a mark ends a sentence, rather than an abbreviation or a list item's number."""
    if mark[0][0] not in ".\u2026":
        return True
    if not mark[0].startswith(".."):
        word = _LAST_WORD.search(text, max(first, mark.start() - 12), mark.start() + 1)
        is_short = word is not None and _ABBREVIATION.fullmatch(word[0])
        if is_short or not text[first : mark.start()].strip(" \t>*_0123456789"):
            return False
    return not text[mark.end() : min(end, mark.end() + 20)].lstrip()[:1].islower()


def _with_a_word(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    if any(map(str.isalnum, text[start:end])):
        yield start, end
