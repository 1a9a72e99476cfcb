"""Texts as HTML: markdown through an allow-list, and differences as marked pieces."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from revloop.edits.changes import changes_between
from revloop.errors import needs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.edits import EditResult

HOW_TO_INSTALL = "The review pages need jinja2 and nh3: pip install 'revloop[web]'."
RENDERED_CHARACTERS = 60_000
"""Longer texts are shown as their source only: parsing them takes time."""

_TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "strong", "em", "s", "a"),
    *("ul", "ol", "li", "blockquote", "pre", "code"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
_SCHEMES = {"http", "https", "mailto"}
_PIECES = {"same": "same", "removed": "del", "added": "ins"}


@cache
def _parser() -> Any:
    from markdown_it import MarkdownIt

    # HTML in a text is shown as text, and so are images: fetching one would tell who reads
    return (
        MarkdownIt("commonmark", {"html": False, "breaks": True})
        .enable(["table", "strikethrough"])
        .disable("image")
    )


@cache
def _cleaner() -> Any:
    with needs(HOW_TO_INSTALL):
        import nh3
    return nh3


def rendered(text: str) -> str | None:
    """A text's markdown as HTML with harmless elements only; None if it is too long to render."""
    if len(text) > RENDERED_CHARACTERS:
        return None
    clean: str = _cleaner().clean(
        _parser().render(text),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    return clean


def pieces(
    old: str, new: str, edits: Sequence[EditResult] | None = None
) -> list[tuple[str, str]] | None:
    """The word differences of two texts: ``same``, ``del`` or ``ins``, each with its text.

    Returns:
        None if most of the text changed, and marks would hide it.
    """
    changes = changes_between(old, new, edits)
    return None if changes is None else [(_PIECES[one.kind], one.text) for one in changes]
