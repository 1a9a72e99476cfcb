"""What a revision did to the mistakes of a text whose right form is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from benchmarks.proofreading.mistakes import pieces_of
from revloop.edits import matching_words

if TYPE_CHECKING:
    from benchmarks.proofreading.examples import Example
    from benchmarks.proofreading.mistakes import Mistake


_BESIDE = 1
"""Pieces beside a mistake that are compared with it: of two equal words, either is too many."""


class Outcome(NamedTuple):
    """What became of a text.

    Attributes:
        fixed: The mistakes that the revision no longer has.
        left: Those that it still has, in this form or another.
        introduced: The number of other passages in which it differs from the right text.
    """

    fixed: tuple[Mistake, ...]
    left: tuple[Mistake, ...]
    introduced: int


def outcome_of(example: Example, revised: str) -> Outcome:
    """Count what a revision fixed, left and introduced."""
    differing = _differences(example.right, revised)
    fixed: list[Mistake] = []
    left: list[Mistake] = []
    explained: set[tuple[int, int]] = set()
    for mistake in example.mistakes:
        touched = {
            (start, end)
            for start, end in differing
            if start <= mistake.end + _BESIDE and end >= mistake.start - _BESIDE
        }
        (left if touched else fixed).append(mistake)
        explained |= touched
    return Outcome(tuple(fixed), tuple(left), len(set(differing) - explained))


def _differences(right: str, revised: str) -> list[tuple[int, int]]:
    """The stretches of the right text's pieces that differ in the revision."""
    wanted, found = pieces_of(right), pieces_of(revised)
    stretches: list[tuple[int, int]] = []
    at = found_at = 0
    for place, found_place in [*matching_words(wanted, found), (len(wanted), len(found))]:
        if (place, found_place) != (at, found_at):
            stretches.append((at, place))
        at, found_at = place + 1, found_place + 1
    return stretches
