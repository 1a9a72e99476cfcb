"""Edits: passages to replace, found in a text and applied, and made from two texts."""

from revloop.edits.applying import Applied, Replacement, apply, replacements
from revloop.edits.differences import edits_between
from revloop.edits.edit import Edit, EditOutcome, EditResult
from revloop.edits.layout import ReadEdits, read_edits, write_edits
from revloop.edits.words import matching_words, split_words

__all__ = [
    "Applied",
    "Edit",
    "EditOutcome",
    "EditResult",
    "ReadEdits",
    "Replacement",
    "apply",
    "edits_between",
    "matching_words",
    "read_edits",
    "replacements",
    "split_words",
    "write_edits",
]
