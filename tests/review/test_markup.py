"""Markdown as HTML: harmless elements only, and bounded work."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from revloop.review.markup import RENDERED_CHARACTERS, rendered
from tests.helpers import hostile
from tests.helpers.report_samples import HOSTILE

HARMLESS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "strong", "em", "s", "a", "ul", "ol"),
    *("li", "blockquote", "pre", "code", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTACKS = (
    *HOSTILE,
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1) 'x')",
    "[a](data:text/html,<script>1</script>)",
    "<javascript:alert(1)>",
    "[a](//evil.example/x)",
    "![a](https://evil.example/x.png)",
    "```<script>\nx\n```",
    '[a](https://e.example "\\" onmouseover=alert(1)")',
    "<a href='x' style='position:fixed' onclick=1>a</a>",
)


class Elements(HTMLParser):
    """The elements and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {f"{tag} {name}" for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]


@pytest.mark.parametrize("text", ATTACKS)
def test_an_attack_becomes_harmless(text: str) -> None:
    found = Elements(rendered(text) or "")
    assert found.tags <= HARMLESS
    assert found.attributes <= {"a href", "a rel", "a target", "a title", "ol start"}
    assert all(link.startswith(("http:", "https:", "mailto:", "/")) for link in found.links)


def test_every_hostile_text_becomes_harmless() -> None:
    for text in hostile.ALL:
        assert Elements(rendered(text) or "").tags <= HARMLESS


def test_a_very_long_text_is_not_rendered() -> None:
    text = "*a* " * (RENDERED_CHARACTERS // 4)
    assert "<em>" in (rendered(text) or "")
    assert rendered(f"{text}.") is None
