"""Revisions: the whole of what was generated, or what stands between two tags."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import Field

from revloop.prompts.parsing.critique import heading
from revloop.prompts.parsing.thoughts import UnusableError
from revloop.values import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from revloop.prompts.parsing.critique import Labels

_ANYWHERE_CHARACTERS = 20
"""A line of a template, or a critique, that is at least so long is found inside of other text."""

_TOLD = 60
"""Characters of a line that a reason quotes."""

_FEWEST_HEADINGS = 2
"""One heading alone may be the revision's own."""


class RevisionTags(Frozen):
    """What stands before and after a revision, for models that chat around it."""

    opening: str = Field(min_length=1)
    closing: str = Field(min_length=1)

    def patterns(self) -> tuple[re.Pattern[str], re.Pattern[str]]:
        """Find each tag, in any letter case."""
        opening, closing = re.escape(self.opening), re.escape(self.closing)
        return re.compile(opening, re.IGNORECASE), re.compile(closing, re.IGNORECASE)


def parse_revision(text: str, tags: RevisionTags | None, given: Sequence[str] = ()) -> str:
    """Read a revision.

    Args:
        text: The critic's text, to the letter, without its thoughts.
        tags: What encloses the revision, or None where the whole text is the revision.
        given: The texts of the draft: tags that stand in them may be in the revision too.

    Returns:
        A passage of the text to the letter: between the tags, but for one line break after the
        opening and one before the closing tag.

    Raises:
        UnusableError: There is no revision, more than one, or it is blank.
    """
    if tags is not None:
        return find_revision(text, tags, given)[1]
    if not text.strip():
        raise UnusableError("it is blank")
    return text


def find_revision(text: str, tags: RevisionTags, given: Sequence[str] = ()) -> tuple[int, str]:
    """Where the opening tag stands, and the revision after it: see :func:`parse_revision`.

    A closing tag may be missing where the opening one begins a line: the model came to its end. The
    revision may hold tags if one text of the draft holds the same ones in the same order.
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
        raise UnusableError("it is blank")
    return opened.start(), revision


def write_revision(revision: str, tags: RevisionTags | None) -> str:
    """A revision as :func:`parse_revision` reads it."""
    return revision if tags is None else f"{tags.opening}\n{revision}\n{tags.closing}"


def unless_unchanged(revision: str, before: str) -> str:
    """A revision, or the text that it revises where the two differ in the white space around.

    Critics do not reproduce that white space faithfully, and nothing else was changed.
    """
    return before if revision.strip() == before.strip() else revision


def refuse_borrowed(
    revision: str,
    *,
    critique: str,
    labels: Labels | None,
    template_lines: Iterable[str],
    given: Sequence[str],
) -> None:
    """Refuse a revision that holds what belongs to the prompt or the critique.

    What the draft holds itself is text like any other.

    Args:
        revision: As it was read.
        critique: The critique that it follows.
        labels: The headings of critiques, if they have any.
        template_lines: The lines of the prompt set's templates that are the same in every prompt.
        given: The texts of the draft.

    Raises:
        UnusableError: It does.
    """
    said = critique.strip()
    is_in_it = len(said) >= _ANYWHERE_CHARACTERS and said in revision
    if (is_in_it or said == revision.strip()) and not any(said in one for one in given):
        raise UnusableError("it repeats the critique")
    for line in _held(revision, template_lines):
        if not any(_held(one, [line]) for one in given):
            raise UnusableError(f"it repeats a line of the prompt: '{line.strip()[:_TOLD]}'")
    if labels is not None:
        headings = [heading(one) for one in (labels.score, labels.positive, labels.negative)]
        strange = [
            one
            for one in headings
            if one.search(revision) and not any(one.search(text) for text in given)
        ]
        if len(strange) >= _FEWEST_HEADINGS:
            raise UnusableError("it contains a critique")


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
    """The tags of a text in their order: ``<`` for an opening, ``/`` for a closing one."""
    opening, closing = tags.patterns()
    both = re.compile(f"({opening.pattern})|{closing.pattern}", re.IGNORECASE)
    return "".join("/" if tag[1] is None else "<" for tag in both.finditer(text))


def _is_nested(sequence: str) -> bool:
    depth = 0
    for tag in sequence:
        depth += 1 if tag == "<" else -1
        if depth < 0:
            return False
    return depth == 0


def _between_line_breaks(inner: str) -> str:
    line_break = "\r\n" if inner.startswith("\r\n") else "\n"
    return inner.removeprefix(line_break).removesuffix(line_break)


def _held(text: str, lines: Iterable[str]) -> list[str]:
    """Those of some lines that stand in a text: long ones anywhere, short ones as lines."""
    folded, own = text.casefold(), {one.strip() for one in text.splitlines()}

    def holds(line: str) -> bool:
        passage = line.strip(" \t()[]").casefold()
        return passage in folded if len(passage) >= _ANYWHERE_CHARACTERS else line.strip() in own

    return [line for line in lines if holds(line)]
