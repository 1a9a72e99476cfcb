"""Versions as HTML for notebooks: text is escaped, and changes are marked word by word."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from revloop.edits.changes import changes_between

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from revloop.trajectory.version import Version

_STYLES = {
    "removed": "background:#d7373733;text-decoration:line-through",
    "added": "background:#2c9f4533;text-decoration:none",
}
_TAGS = {"removed": "del", "added": "ins"}
_TEXT = "white-space:pre-wrap;margin:0 0 1em"


def html_of(summary: Iterable[str], versions: Iterable[tuple[Version, Version | None]]) -> str:
    """A fragment of HTML without scripts.

    Args:
        summary: Lines about the trajectory.
        versions: Each version with the one that it revises; None for the original.
    """
    parts = [f"<p>{'<br>'.join(map(escape, summary))}</p>"]
    for version, base in versions:
        parts += _parts(version, base)
    return f"<div>{''.join(parts)}</div>"


def _parts(version: Version, base: Version | None) -> Iterator[str]:
    if base is None:
        yield "<b>version 0, the response</b>"
        yield f'<div style="{_TEXT}">{escape(version.text)}</div>'
        return
    if version.critique is not None:
        said = escape(version.critique.raw.strip())
        yield f"<details><summary>critique of version {base.round}</summary>"
        yield f'<div style="{_TEXT};font-style:italic">{said}</div></details>'
    yield f"<b>version {version.round}</b>"
    yield f'<div style="{_TEXT}">{_marked(version, base)}</div>'


def _marked(version: Version, base: Version) -> str:
    if version.text == base.text:
        return "(unchanged)"
    changes = changes_between(base.text, version.text, version.edits)
    if changes is None:
        return f"(mostly rewritten)<br>{escape(version.text)}"
    return "".join(
        escape(change.text)
        if change.kind == "same"
        else f'<{_TAGS[change.kind]} style="{_STYLES[change.kind]}">{escape(change.text)}'
        f"</{_TAGS[change.kind]}>"
        for change in changes
    )
