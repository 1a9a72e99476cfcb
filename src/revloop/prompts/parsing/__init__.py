"""What a critic writes: reading and writing critiques and revisions.

Only generated text is parsed, never the prompt, so headings in a user's text cannot be mistaken for
the critic's own. Parsing returns an exact passage of the generated text or raises
:class:`UnusableError`; it decodes and completes nothing, and trims only the format itself,
thoughts, and talk around a revision.
"""

from revloop.prompts.parsing.criteria import parse_criteria
from revloop.prompts.parsing.critique import Labels, heading, parse_critique, write_critique
from revloop.prompts.parsing.edits import (
    WrittenRevision,
    apply_written,
    find_edits,
    find_untagged_edits,
)
from revloop.prompts.parsing.quotations import refuse_invented
from revloop.prompts.parsing.revision import (
    RevisionTags,
    find_revision,
    parse_revision,
    unless_unchanged,
    write_revision,
)
from revloop.prompts.parsing.scored_parts import CriteriaFormat
from revloop.prompts.parsing.talk import left_out, without_talk
from revloop.prompts.parsing.thoughts import (
    BLANK,
    SPECIAL_MARKS,
    UNFINISHED,
    ReplyFormat,
    Separated,
    ThinkingSettings,
    ThoughtMarks,
    UnfinishedThoughtError,
    UnusableError,
    marks_shown,
    without_thoughts,
)

__all__ = [
    "BLANK",
    "SPECIAL_MARKS",
    "UNFINISHED",
    "CriteriaFormat",
    "Labels",
    "ReplyFormat",
    "RevisionTags",
    "Separated",
    "ThinkingSettings",
    "ThoughtMarks",
    "UnfinishedThoughtError",
    "UnusableError",
    "WrittenRevision",
    "apply_written",
    "find_edits",
    "find_revision",
    "find_untagged_edits",
    "heading",
    "left_out",
    "marks_shown",
    "parse_criteria",
    "parse_critique",
    "parse_revision",
    "refuse_invented",
    "unless_unchanged",
    "without_talk",
    "without_thoughts",
    "write_critique",
    "write_revision",
]
