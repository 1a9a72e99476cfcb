"""Revisions that are written as edits."""

from __future__ import annotations

import re
from itertools import dropwhile
from typing import TYPE_CHECKING, NamedTuple

from revloop.edits import EditResult, apply, read_edits
from revloop.prompts.parsing.quoting import quoted
from revloop.prompts.parsing.thoughts import UnusableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.prompts.parsing.revision import RevisionTags

_SIGNS = ("-", "+")
_LIST = re.compile(r"^[ \t]*\+", re.MULTILINE)


class WrittenRevision(NamedTuple):
    """What a critic wrote as a revision.

    Attributes:
        text: The revised text.
        edits: The edits that made it, with their outcomes; None if the whole text was written.
    """

    text: str
    edits: tuple[EditResult, ...] | None = None


def find_edits(text: str, tags: RevisionTags, given: Sequence[str] = ()) -> tuple[int, str]:
    """The position of the opening tag, and the edits after it, to the closing tag if there is one.

    Within edits each line has a sign, so a tag at the start of a line ends them. One that is only
    mentioned counts if there is no other: an opening tag anywhere, a closing one at the very end,
    unless a text of the draft has it.

    Args:
        text: The critic's text, without its thoughts.
        tags: The tags around the edits.
        given: The texts of the draft.

    Raises:
        UnusableError: There is no opening tag.
    """
    opening, closing = tags.patterns()
    opens, closes = _at_line_start(opening), _at_line_start(closing)
    opened = opens.search(text) or (None if _has(opening, given) else opening.search(text))
    if opened is None:
        raise UnusableError(f"there is no {tags.opening}")
    ends = [closed.start() for closed in closes.finditer(text, opened.end())]
    inner = text[opened.end() : ends[-1] if ends else None]
    if not ends and not _has(closing, given):
        inner = re.sub(rf"{closing.pattern}\s*\Z", "", inner, flags=re.IGNORECASE)
    return opened.start(), opens.sub("", closes.sub("", inner))


def find_untagged_edits(text: str, tags: RevisionTags, given: Sequence[str] = ()) -> str:
    """The edits of a reply whose opening tag was forgotten.

    They are taken only if nothing else can be meant: the reply says that there are none, or all its
    lines are of readable edits, from the first sign on, and no text of the draft has lines with a
    plus sign, as lists of pros and cons do.

    Raises:
        UnusableError: There are no such edits.
    """
    written = _at_line_start(tags.patterns()[1]).sub("", text)
    lines = [line for line in written.split("\n") if line.strip()]
    signed = list(dropwhile(lambda line: not line.startswith(_SIGNS), lines))
    read = read_edits(written)
    is_clear = (
        all(line.startswith(_SIGNS) for line in signed)
        and not any(isinstance(edit, EditResult) for edit in read.edits)
        and not any(_LIST.search(one) for one in given)
    )
    if read.is_none or (read.edits and is_clear):
        return written
    raise UnusableError(f"there is no {tags.opening}")


def apply_written(written: str, before: str) -> WrittenRevision:
    """Apply edits as a critic wrote them.

    Raises:
        UnusableError: There are no edits, and it does not say that none are needed; or none of
            them can be applied; or nothing would be left of the text.
    """
    read = read_edits(written)
    if not read.edits and not read.is_none:
        raise UnusableError("it has no edits")
    applied = apply(before, read.edits)
    lost = [one for one in applied.results if not one.outcome.is_applied]
    if lost and applied.text == before:
        raise UnusableError(_why_none(lost, len(applied.results)))
    if not applied.text.strip() and before.strip():
        raise UnusableError("its edits would delete the whole text")
    return WrittenRevision(applied.text, applied.results)


def _has(pattern: re.Pattern[str], given: Sequence[str]) -> bool:
    return any(map(pattern.search, given))


def _at_line_start(pattern: re.Pattern[str]) -> re.Pattern[str]:
    return re.compile(rf"^[ \t]*{pattern.pattern}", re.IGNORECASE | re.MULTILINE)


def _why_none(lost: Sequence[EditResult], number: int) -> str:
    """Why a reply with edits changes nothing, by the first that could not be applied."""
    passage = quoted(lost[0].find or lost[0].replacement)
    why = f"be applied ({lost[0].outcome.meaning}: {passage})"
    if len(lost) < number:
        return f"{len(lost)} of its {number} edits cannot {why}, and the others change nothing"
    return f"its edit cannot {why}" if number == 1 else f"none of its {number} edits can {why}"
