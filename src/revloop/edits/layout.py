"""How edits are written: the lines to replace after minus signs, the new ones after plus signs.

::

    - The train leaves at nine
    + The train leaves at ten
    - , which is a pity
    +

Each line of a passage has its sign, so any text may stand in an edit, these lines included, and an
edit is complete as soon as the next begins. A plus sign alone deletes the passage. The word "none"
stands for no edits. The signs are those of a unified diff, which models know; its line numbers,
which they get wrong, are not used.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from revloop.edits.edit import Edit, EditOutcome, EditResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NONE = "none"
_SAYS_NONE = re.compile(
    r"""[\s("'*_-]*
    (?: none | nothing\ to\ change
    | no\ (?:edits?|changes?) (?:\ (?:is\ |are\ )?(?:needed|necessary|required))? )
    [\s)"'*_]* (?: [.,:;!] | $ )""",
    re.IGNORECASE | re.VERBOSE,
)
_FENCES = ("```", "~~~")
_HUNK = "@@"
_RULE = re.compile(r"(?:-{3,}|={3,}|\*{3,}|_{3,})\s*")
"""Lines between edits, as models draw them; as a line of an edit, each would follow its sign."""


class ReadEdits(NamedTuple):
    """The edits in a text.

    Attributes:
        edits: In order; one that cannot be read is an :class:`EditResult`.
        is_none: Whether the text says that there are none.
    """

    edits: tuple[Edit, ...]
    is_none: bool


def write_edits(edits: Iterable[Edit]) -> str:
    """Edits as text, for :func:`read_edits`."""
    lines: list[str] = []
    for edit in edits:
        # without a line after a minus sign, the passage is empty
        lines += _signed("-", edit.find) if edit.find else []
        lines += _signed("+", edit.replacement)
    return "\n".join(lines) or NONE


def read_edits(text: str) -> ReadEdits:
    """Read edits.

    Blank lines between signed ones belong to the passage that they stand in. Lines without a sign
    are talk after a blank line, and make the edit before them unreadable otherwise: they could be
    the rest of a passage whose signs were forgotten. Code fences around edits, rules between them
    and an indentation that all of them share are no part of them.
    """
    reader = _EditReader()
    for line in _lines(text):
        reader.read(line)
    reader.finish()
    is_none = not reader.has_edits and _SAYS_NONE.match(text) is not None
    return ReadEdits(() if is_none else tuple(reader.found), is_none)


def _lines(text: str) -> Sequence[str]:
    """The lines, without an indentation of the signs and a code fence at the end."""
    lines = text.split("\n")
    before_signs = [
        line[: len(line) - len(line.lstrip(" \t"))]
        for line in lines
        if line.lstrip(" \t").startswith(("-", "+"))
    ]
    indentation = min(before_signs, key=len, default="")
    if all(one.startswith(indentation) for one in before_signs):
        lines = [line.removeprefix(indentation) for line in lines]
    last = max((number for number, line in enumerate(lines) if line.strip()), default=0)
    return lines[:last] if lines[last].rstrip() in _FENCES else lines


class _EditReader:
    """Reads edits line by line.

    Attributes:
        found: The edits so far.
    """

    def __init__(self) -> None:
        self.found: list[Edit] = []
        self._current = _Lines()
        self._is_fenced = False

    @property
    def has_edits(self) -> bool:
        """Whether there are edits that could be read."""
        return any(not isinstance(edit, EditResult) for edit in self.found)

    def read(self, line: str) -> None:
        """Read the next line."""
        current = self._current
        content = line[1:].removeprefix(" ")
        if line.startswith(_FENCES) and (self._is_fenced or current.is_apart):
            self._is_fenced = not self._is_fenced
            self.finish()
        elif line.startswith(_HUNK) or _RULE.fullmatch(line):
            current.rule()
        elif line.startswith("-"):
            if current.added:
                self.finish()
            self._current.remove(content)
        elif line.startswith("+"):
            current.add(content)
        elif not line.strip():
            current.blank_lines += 1
        elif not current.is_apart:
            current.is_broken = True

    def finish(self) -> None:
        """End the edit that was begun."""
        if self._current.began:
            self.found.append(self._current.edit())
        self._current = _Lines()


class _Lines:
    """The lines of one edit."""

    def __init__(self) -> None:
        self.removed: list[str] = []
        self.added: list[str] = []
        self.blank_lines = 0
        self.is_broken = False
        self._is_ruled_off = False

    @property
    def began(self) -> bool:
        return bool(self.removed or self.added)

    @property
    def is_apart(self) -> bool:
        """Whether what follows is apart from the lines before it."""
        return not self.began or self.blank_lines > 0 or self._is_ruled_off

    def remove(self, content: str) -> None:
        self._put(self.removed, content)

    def add(self, content: str) -> None:
        self._put(self.added, content)

    def rule(self) -> None:
        """A rule after an edit; within one, it is a line whose sign was forgotten."""
        self._is_ruled_off = bool(self.added)
        self.is_broken |= self.began and not self.added

    def edit(self) -> Edit:
        find, replacement = "\n".join(self.removed), "\n".join(self.added)
        if self.is_broken or not self.added:
            return EditResult(find=find, replacement=replacement, outcome=EditOutcome.UNREADABLE)
        return Edit(find=find, replacement=replacement)

    def _put(self, side: list[str], content: str) -> None:
        self.is_broken |= self._is_ruled_off
        side += [""] * (self.blank_lines if side else 0)
        side.append(content)
        self.blank_lines = 0


def _signed(sign: str, passage: str) -> list[str]:
    return [f"{sign} {line}" if line else sign for line in passage.split("\n")]
