"""The check of a text's Markdown."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field

from revloop.checks.builtin.base import BuiltInCheck, Flaw, Phrases, listed
from revloop.checks.builtin.words import folded
from revloop.markdown.fences import fences

if TYPE_CHECKING:
    from collections.abc import Iterator

_PARTS = {
    "headings": ("a heading", "headings", {"heading_open"}),
    "lists": ("a list", "lists", {"bullet_list_open", "ordered_list_open"}),
    "tables": ("a table", "tables", {"table_open"}),
    "code_blocks": ("a code block", "code blocks", {"fence", "code_block"}),
}


class Markdown(BuiltInCheck):
    """The text is well-formed Markdown, and has or lacks headings, lists, tables and code blocks.

    Well-formed: every fenced code block is closed, and no heading skips a level. The text is read
    as CommonMark with tables.
    """

    kind: Literal["markdown"] = "markdown"
    headings: bool | None = Field(
        default=None, description="Whether there must be headings (true) or must be none (false)."
    )
    lists: bool | None = Field(default=None, description="The same for lists.")
    tables: bool | None = Field(default=None, description="The same for tables.")
    code_blocks: bool | None = Field(default=None, description="The same for code blocks.")
    sections: Phrases = Field(
        default=(), description="Headings that must be there; their case does not matter."
    )

    def flaws(self, original: str, text: str) -> Iterator[Flaw]:  # noqa: ARG002 - not compared
        """One for each open code block, skipped level, and missing or forbidden part."""
        for fence in fences(text):
            if not fence.is_closed:
                line = 1 + text.count("\n", 0, fence.start)
                yield Flaw(
                    f"The code block that starts on line {line} is not closed.",
                    ((fence.start, fence.end),),
                )
        tokens = _parser().parse(text)
        headings = list(_headings(tokens))
        yield from _skipped_levels(headings)
        kinds = {token.type for token in tokens}
        for part, (one, several, names) in _PARTS.items():
            wanted = getattr(self, part)
            if wanted is True and kinds.isdisjoint(names):
                yield Flaw(f"The text must have {one}.")
            elif wanted is False and not kinds.isdisjoint(names):
                yield Flaw(f"The text must not have {several}.")
        titles = {folded(heading.title) for heading in headings}
        if missing := [title for title in self.sections if folded(title) not in titles]:
            yield Flaw(f"The text must have these headings: {listed(missing)}.")


class _Heading(NamedTuple):
    level: int
    title: str


def _headings(tokens: list[Any]) -> Iterator[_Heading]:
    for token, following in pairwise(tokens):
        if token.type == "heading_open":
            title = following.content.strip(" *_`:")
            yield _Heading(level=int(token.tag[1:]), title=title)


def _skipped_levels(headings: list[_Heading]) -> Iterator[Flaw]:
    for above, heading in pairwise(headings):
        if heading.level > above.level + 1:
            yield Flaw(
                f"The heading {listed([heading.title], QUOTE)} is of level {heading.level}, but "
                f"the one before it is of level {above.level}: use level {above.level + 1}."
            )


QUOTE = '"'


@cache
def _parser() -> Any:
    """A parser of blocks alone, which is all that is looked at."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table").disable("inline")
