"""One edit, and what became of it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from revloop.values import Frozen, Text


class Edit(Frozen):
    """A passage of a text, and what replaces it."""

    find: Text = Field(description="The passage to replace, as the text has it.")
    replacement: Text = Field(description="What replaces it; empty to delete it.")


class EditOutcome(StrEnum):
    """What became of an edit."""

    APPLIED = "applied"
    FOLDED = "folded"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    OVERLAPPING = "overlapping"
    EMPTY = "empty"
    UNREADABLE = "unreadable"

    @property
    def is_applied(self) -> bool:
        """Whether the edit changed the text, or would have if its two sides differed."""
        return self in {EditOutcome.APPLIED, EditOutcome.FOLDED}

    @property
    def meaning(self) -> str:
        """The end of a sentence about an edit."""
        return _MEANINGS[self]


_MEANINGS = {
    EditOutcome.APPLIED: "applied",
    EditOutcome.FOLDED: "applied; its white space or quotes were not those of the text",
    EditOutcome.NOT_FOUND: "the text has no such passage",
    EditOutcome.AMBIGUOUS: "the text has this passage more than once",
    EditOutcome.OVERLAPPING: "an edit before it replaces a part of the same passage",
    EditOutcome.EMPTY: "it names no passage",
    EditOutcome.UNREADABLE: "it has a line without a sign, or no line with a plus sign",
}


class EditResult(Edit):
    """An edit, and what became of it."""

    outcome: EditOutcome
    start: int | None = Field(
        default=None,
        ge=0,
        description="Where the replaced passage began, in characters of the text before; None if "
        "it was not applied.",
    )
    end: int | None = Field(default=None, ge=0, description="Where it ended.")

    @property
    def remark(self) -> str | None:
        """What readers should know, as the end of a sentence; None: applied as it was written."""
        if self.outcome is not EditOutcome.APPLIED:
            return self.outcome.meaning
        return "the passage and its replacement are the same" if self.is_same else None

    @property
    def is_same(self) -> bool:
        """Whether it replaces a passage with itself."""
        return self.find == self.replacement

    @property
    def line(self) -> str:
        """Its passage, or its replacement without one, on a single line."""
        return " ".join((self.find or self.replacement).split())
