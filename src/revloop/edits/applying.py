"""Applies edits to a text. What no edit names stays as it is, to the byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from revloop.edits.edit import Edit, EditOutcome, EditResult
from revloop.edits.finding import Place, folded_places_of, places_of
from revloop.edits.words import matching_words, split_words

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


class Replacement(NamedTuple):
    """What stands in the place of a passage.

    Attributes:
        start: Where the passage began, in characters of the text before.
        end: Where it ended.
        text: What replaced it.
    """

    start: int
    end: int
    text: str


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
    taken: list[Place] = []
    for edit in edits:
        if isinstance(edit, EditResult) and edit.outcome is EditOutcome.UNREADABLE:
            results.append(edit)
            continue
        outcome, place = _locate(edit, text)
        if place is not None and any(_overlap(place, other) for other in taken):
            outcome, place = EditOutcome.OVERLAPPING, None
        start, end = place or (None, None)
        results.append(
            EditResult(
                find=edit.find, replacement=edit.replacement, outcome=outcome, start=start, end=end
            )
        )
        if place is not None:
            taken.append(place)
    return Applied(_replaced(text, replacements(text, results)), tuple(results))


def replacements(text: str, edits: Iterable[EditResult]) -> list[Replacement]:
    """What applied edits replaced in a text, in the order of the text.

    Args:
        text: The text before the edits.
        edits: The edits with their outcomes.
    """
    return sorted(
        Replacement(edit.start, edit.end, _inserted(edit, text))
        for edit in edits
        if edit.start is not None and edit.end is not None
    )


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


def _inserted(edit: EditResult, text: str) -> str:
    """What stands in a passage's place: for a folded one, with the text's white space and quotes.

    Words and spaces that the edit only copies are taken from the passage. Other white space is
    written as the passage writes it, if it always writes it in one way.
    """
    if edit.outcome is not EditOutcome.FOLDED:
        return edit.replacement
    find, passage = edit.find.strip(), text[edit.start : edit.end]
    before, _, after = edit.find.partition(find)
    replacement = edit.replacement.removeprefix(before).removesuffix(after)
    # folding keeps the number of pieces
    old, own, new = split_words(find), split_words(passage), split_words(replacement)
    copied = {after: own[before] for before, after in matching_words(old, new)}
    spaces: dict[str, set[str]] = {}
    for written, stands in zip(old, own, strict=True):
        if written.isspace():
            spaces.setdefault(written, set()).add(stands)
    line_break = "\r\n" if "\r\n" in text else "\n"
    for number, piece in enumerate(new):
        if number not in copied and piece.isspace():
            known = spaces.get(piece, set())
            plain = piece.replace("\r\n", "\n").replace("\n", line_break)
            copied[number] = next(iter(known)) if len(known) == 1 else plain
    return "".join(copied.get(number, piece) for number, piece in enumerate(new))


def _replaced(text: str, replaced: Iterable[Replacement]) -> str:
    parts, done = [], 0
    for one in replaced:
        parts += [text[done : one.start], one.text]
        done = one.end
    return "".join([*parts, text[done:]])
