"""Revisions that are written as edits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from revloop.edits import apply, read_edits
from revloop.prompts.parsing.thoughts import UnusableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.edits import EditResult
    from revloop.prompts.parsing.revision import RevisionTags

_QUOTED_CHARACTERS = 60


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

    Within edits each line has a sign, so a tag at the start of a line ends them. Elsewhere in a
    line it does so too, unless a text of the draft has it.

    Args:
        text: The critic's text, without its thoughts.
        tags: The tags around the edits.
        given: The texts of the draft.

    Raises:
        UnusableError: There is no opening tag.
    """
    opening, closing = (_tag(pattern, given) for pattern in tags.patterns())
    opened = opening.search(text)
    if opened is None:
        raise UnusableError(f"there is no {tags.opening}")
    ends = [closed.start() for closed in closing.finditer(text, opened.end())]
    inner = text[opened.end() : ends[-1] if ends else None]
    return opened.start(), opening.sub("", closing.sub("", inner))


def _tag(pattern: re.Pattern[str], given: Sequence[str]) -> re.Pattern[str]:
    """A tag, at the start of a line if the draft has it too."""
    if not any(map(pattern.search, given)):
        return pattern
    return re.compile(rf"^[ \t]*{pattern.pattern}", re.IGNORECASE | re.MULTILINE)


def apply_written(written: str, before: str) -> WrittenRevision:
    """Apply edits as a critic wrote them.

    Raises:
        UnusableError: There are no edits, and it does not say that none are needed; or none of
            them can be applied.
    """
    read = read_edits(written)
    if not read.edits and not read.is_none:
        raise UnusableError("it has no edits")
    applied = apply(before, read.edits)
    if read.edits and not any(one.outcome.is_applied for one in applied.results):
        first = applied.results[0]
        line = " ".join(first.find.split())
        passage = f"'{line[:_QUOTED_CHARACTERS]}{'…' * (len(line) > _QUOTED_CHARACTERS)}'"
        number = len(applied.results)
        which = "its edit cannot" if number == 1 else f"none of its {number} edits can"
        raise UnusableError(f"{which} be applied ({first.outcome.meaning}: {passage})")
    return WrittenRevision(applied.text, applied.results)
