"""Splitting into train, validation and test, with no prompt in two parts."""

from __future__ import annotations

import random
import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING

from revloop.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.records.record import Record

PARTS = ("train", "validation", "test")
DEFAULT_SHARES = (0.8, 0.1, 0.1)


def prompt_key(record: Record) -> str:
    """The prompt for comparing: without case, Unicode variants, punctuation and white space.

    A record without a prompt is compared by its response.
    """
    turns = record.draft.conversation
    text = "\n".join(turn.content for turn in turns) if turns else record.response
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = "".join(letter if letter.isalnum() else " " for letter in folded).split()
    return " ".join(words) or " ".join(text.split())


def assign_parts(
    keys: Sequence[str], *, shares: Sequence[float] = DEFAULT_SHARES, seed: int = 0
) -> list[int]:
    """The part of each record; records with the same key stay together.

    The groups are shuffled, then assigned by size, largest first, each to the part furthest from
    its share. The shares are met exactly if no prompt has many records.

    Args:
        keys: One for each record, from :func:`prompt_key`.
        shares: Of each part, scaled to sum to 1. A share of 0 leaves a part empty.
        seed: Of the shuffling: same keys, shares and seed, same parts.

    Returns:
        Indices into ``shares``, one for each record.

    Raises:
        InputError: A share is negative or not finite, or all are 0.
    """
    if not all(0 <= share < float("inf") for share in shares) or sum(shares) <= 0:
        raise InputError("Shares are numbers of at least 0, and one of them is above 0.")
    groups: dict[str, list[int]] = defaultdict(list)
    for index, key in enumerate(keys):
        groups[key].append(index)
    shuffled = list(groups.values())
    random.Random(seed).shuffle(shuffled)
    shuffled.sort(key=len, reverse=True)
    wanted = [share / sum(shares) * len(keys) for share in shares]
    open_parts = [part for part, share in enumerate(shares) if share > 0]
    parts = [0] * len(keys)
    for group in shuffled:
        part = max(open_parts, key=wanted.__getitem__)
        wanted[part] -= len(group)
        for index in group:
            parts[index] = part
    return parts
