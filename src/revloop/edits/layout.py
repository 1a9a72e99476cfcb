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

from typing import TYPE_CHECKING, NamedTuple

from revloop.edits.edit import Edit, EditOutcome, EditResult

if TYPE_CHECKING:
    from collections.abc import Iterable

NONE = "none"
_NONE_WORDS = {NONE, "no edits", "no changes", "nothing to change"}
_FENCES = ("```", "~~~", "@@")


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
    the rest of a passage whose signs were forgotten.
    """
    found: list[Edit] = []
    current = _Lines()
    for line in text.split("\n"):
        sign, content = line[:1], line[1:].removeprefix(" ")
        if sign == "-":
            if current.added:
                found.append(current.edit())
                current = _Lines()
            current.add_to(current.removed, content)
        elif sign == "+":
            current.add_to(current.added, content)
        elif not line.strip():
            current.blank_lines += 1
        elif not line.startswith(_FENCES) and current.began and not current.blank_lines:
            current.is_broken = True
    if current.began:
        found.append(current.edit())
    said = text.strip().strip("().*_-").strip().casefold()
    return ReadEdits(tuple(found), not found and said in _NONE_WORDS)


class _Lines:
    """The lines of one edit."""

    def __init__(self) -> None:
        self.removed: list[str] = []
        self.added: list[str] = []
        self.blank_lines = 0
        self.is_broken = False

    @property
    def began(self) -> bool:
        return bool(self.removed or self.added)

    def add_to(self, side: list[str], content: str) -> None:
        side += [""] * (self.blank_lines if side else 0)
        side.append(content)
        self.blank_lines = 0

    def edit(self) -> Edit:
        find, replacement = "\n".join(self.removed), "\n".join(self.added)
        if self.is_broken or not self.added:
            return EditResult(find=find, replacement=replacement, outcome=EditOutcome.UNREADABLE)
        return Edit(find=find, replacement=replacement)


def _signed(sign: str, passage: str) -> list[str]:
    return [f"{sign} {line}" if line else sign for line in passage.split("\n")]
