"""Revisions: the whole generated text, or the passage between two tags."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import TYPE_CHECKING

from pydantic import Field

from revloop.prompts.parsing.thoughts import BLANK, UnusableError
from revloop.values import Frozen

if TYPE_CHECKING:
    from collections.abc import Sequence


class RevisionTags(Frozen):
    """The tags around a revision, for models that add text of their own."""

    opening: str = Field(min_length=1)
    closing: str = Field(min_length=1)

    def patterns(self) -> tuple[re.Pattern[str], re.Pattern[str]]:
        """Case-insensitive patterns of the two tags."""
        opening, closing = re.escape(self.opening), re.escape(self.closing)
        return re.compile(opening, re.IGNORECASE), re.compile(closing, re.IGNORECASE)


def parse_revision(text: str, tags: RevisionTags | None, given: Sequence[str] = ()) -> str:
    """Read a revision.

    Args:
        text: The critic's exact text, without its thoughts.
        tags: The tags around the revision, or None if the whole text is the revision.
        given: The texts of the draft: the revision may contain tags that they contain.

    Returns:
        The exact passage between the tags, without one line break after the opening tag and one
        before the closing tag.

    Raises:
        UnusableError: There is no revision or more than one, or it is blank.
    """
    if tags is not None:
        return find_revision(text, tags, given)[1]
    if not text.strip():
        raise UnusableError(BLANK)
    return text


def find_revision(text: str, tags: RevisionTags, given: Sequence[str] = ()) -> tuple[int, str]:
    """The position of the opening tag, and the revision after it: see :func:`parse_revision`.

    The closing tag may be missing if the opening tag begins a line: the model stopped there. The
    revision may contain tags if a text of the draft contains the same tags in the same order.
    """
    opening, closing = tags.patterns()
    opened = opening.search(text)
    if opened is None:
        raise UnusableError(f"there is no {tags.opening}")
    ends = [closed.start() for closed in closing.finditer(text, opened.end())]
    if not ends and text[: opened.start()].rpartition("\n")[2].strip():
        raise UnusableError(f"there is no {tags.closing}")
    if ends and opening.search(text, ends[-1]):
        raise UnusableError("there is more than one revision")
    inner = text[opened.end() : ends[-1] if ends else None]
    _refuse_tags(inner, tags, given)
    revision = _between_line_breaks(inner)
    if not revision.strip():
        raise UnusableError(BLANK)
    return opened.start(), revision


def write_revision(revision: str, tags: RevisionTags | None) -> str:
    """A revision as :func:`parse_revision` reads it."""
    return revision if tags is None else f"{tags.opening}\n{revision}\n{tags.closing}"


def unless_unchanged(revision: str, before: str) -> str:
    """The revision, or the text before it if only leading or trailing white space changed.

    Critics do not reproduce that white space faithfully.
    """
    return before if revision.strip() == before.strip() else revision


def _refuse_tags(inner: str, tags: RevisionTags, given: Sequence[str]) -> None:
    found = _sequence(inner, tags)
    if not found:
        return
    known = [_sequence(text, tags) for text in given]
    if found in known or (_is_nested(found) and any(found in one for one in known)):
        return
    raise UnusableError(
        "there is more than one revision" if "/<" in found else "it contains a stray tag"
    )


def _sequence(text: str, tags: RevisionTags) -> str:
    """The tags of a text in order: ``<`` for an opening tag, ``/`` for a closing tag."""
    opening, closing = tags.patterns()
    both = re.compile(f"({opening.pattern})|{closing.pattern}", re.IGNORECASE)
    return "".join("/" if tag[1] is None else "<" for tag in both.finditer(text))


def _is_nested(sequence: str) -> bool:
    depths = list(accumulate(1 if tag == "<" else -1 for tag in sequence))
    return min(depths) >= 0 and depths[-1] == 0


def _between_line_breaks(inner: str) -> str:
    line_break = "\r\n" if inner.startswith("\r\n") else "\n"
    return inner.removeprefix(line_break).removesuffix(line_break)
