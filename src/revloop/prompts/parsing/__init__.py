"""What a critic writes: reading critiques and revisions, and writing them.

Only generated text is ever read here, never the prompt, so headings that stand in a user's text
cannot be mistaken for the critic's own. What is read is a passage of the generated text to the
letter, or the text is refused with :class:`UnusableError`: nothing is decoded, completed or trimmed
but for what the form itself puts around it.
"""

from revloop.prompts.parsing.critique import Labels, heading, parse_critique, write_critique
from revloop.prompts.parsing.revision import (
    RevisionTags,
    find_revision,
    parse_revision,
    refuse_borrowed,
    unless_unchanged,
    write_revision,
)
from revloop.prompts.parsing.thoughts import ReplyFormat, UnusableError, without_thoughts

__all__ = [
    "Labels",
    "ReplyFormat",
    "RevisionTags",
    "UnusableError",
    "find_revision",
    "heading",
    "parse_critique",
    "parse_revision",
    "refuse_borrowed",
    "unless_unchanged",
    "without_thoughts",
    "write_critique",
    "write_revision",
]
