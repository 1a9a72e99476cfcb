"""Applies edits to a text. What no edit names stays as it is, to the byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from revloop.edits.edit import Edit, EditOutcome, EditResult
from revloop.edits.finding import Place, folded_places_of, places_of

if TYPE_CHECKING:
    from collections.abc import Iterable


class Applied(NamedTuple):
    """A text after its edits.

    Attributes:
        text: The new text.
        results: Each edit with its outcome, in the order given.
    """

    text: str
    results: tuple[EditResult, ...]


def apply(text: str, edits: Iterable[Edit]) -> Applied:
    """Apply edits, each of which names a passage of the text before any edit.

    A passage is looked for as it is, then with white space and quotes folded; it must stand there
    once. An edit that cannot be applied is left out, and its outcome says why. An edit that came as
    an unreadable :class:`EditResult` stays one.

    Args:
        text: The text to edit. Only into an empty one can an edit without a passage be inserted.
        edits: The edits. Of two that overlap, the first is applied.
    """
    results: list[EditResult] = []
    taken: list[tuple[Place, str]] = []
    for edit in edits:
        if isinstance(edit, EditResult):
            results.append(edit)
            continue
        outcome, place = _locate(edit, text)
        if place is not None and any(_overlap(place, other) for other, _ in taken):
            outcome, place = EditOutcome.OVERLAPPING, None
        start, end = place or (None, None)
        results.append(
            EditResult(
                find=edit.find, replacement=edit.replacement, outcome=outcome, start=start, end=end
            )
        )
        if place is not None:
            taken.append((place, _replacement(edit, outcome, text[place.start : place.end])))
    return Applied(_replaced(text, sorted(taken)), tuple(results))


def _locate(edit: Edit, text: str) -> tuple[EditOutcome, Place | None]:
    if not edit.find:
        return (EditOutcome.EMPTY, None) if text else (EditOutcome.APPLIED, Place(0, 0))
    outcome, places = EditOutcome.APPLIED, places_of(edit.find, text)
    if not places:
        outcome, places = EditOutcome.FOLDED, folded_places_of(edit.find, text)
    if not places:
        return EditOutcome.NOT_FOUND, None
    return (outcome, places[0]) if len(places) == 1 else (EditOutcome.AMBIGUOUS, None)


def _overlap(place: Place, other: Place) -> bool:
    return place == other or (place.start < other.end and other.start < place.end)


def _replacement(edit: Edit, outcome: EditOutcome, passage: str) -> str:
    """What stands in a passage's place; for a folded one, with its line breaks."""
    if outcome is not EditOutcome.FOLDED or "\r\n" not in passage:
        return edit.replacement
    return edit.replacement.replace("\r\n", "\n").replace("\n", "\r\n")


def _replaced(text: str, replacements: Iterable[tuple[Place, str]]) -> str:
    parts, done = [], 0
    for (start, end), replacement in replacements:
        parts += [text[done:start], replacement]
        done = end
    return "".join([*parts, text[done:]])
