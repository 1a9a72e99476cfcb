"""Random edits of texts, similar to revisions: words and whole sentences."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

# relative frequency of each kind
KINDS = {"substitute": 4, "insert": 2, "delete": 2, "move sentence": 1, "delete sentence": 1}
LONGEST_SPAN = 4


def words_of(text: str) -> list[str]:
    """The words of a text, each with the white space after it."""
    return re.findall(r"\s*\S+\s*", text)


def edited(text: str, share: float, vocabulary: Sequence[str], random_: random.Random) -> str:
    """A text with a share of its words edited.

    Args:
        text: The text.
        share: Share of words to substitute, delete, insert or move.
        vocabulary: Source of new words, each with the white space after it.
        random_: Source of randomness.
    """
    words = words_of(text)
    left = round(share * len(words))
    while left > 0 and words:
        kind = random_.choices(list(KINDS), weights=list(KINDS.values()))[0]
        left -= _edit(words, kind, left, vocabulary, random_)
    return "".join(words)


def _edit(
    words: list[str], kind: str, left: int, vocabulary: Sequence[str], random_: random.Random
) -> int:
    """Edit words in place; the number of words affected."""
    if kind.endswith("sentence"):
        return _edit_sentence(words, kind, left, random_)
    span = min(left, random_.randint(1, LONGEST_SPAN), len(words))
    start = random_.randint(0, len(words) - span)
    new = [] if kind == "delete" else random_.choices(vocabulary, k=span)
    words[start : start if kind == "insert" else start + span] = new
    return span


def _edit_sentence(words: list[str], kind: str, left: int, random_: random.Random) -> int:
    """Move or delete a sentence, unless it is longer than the remaining edits."""
    ends = [i + 1 for i, word in enumerate(words) if word.rstrip().endswith((".", "!", "?", ":"))]
    bounds = sorted({0, *ends, len(words)})
    index = random_.randrange(len(bounds) - 1)
    start, stop = bounds[index], bounds[index + 1]
    if stop - start > left:
        return 0
    sentence = words[start:stop]
    del words[start:stop]
    if kind == "move sentence":
        places = [b for b in bounds if b <= start] + [b - len(sentence) for b in bounds if b > stop]
        place = random_.choice(places)
        words[place:place] = sentence
    return len(sentence)
