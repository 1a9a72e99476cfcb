"""The check of links, and the links of a text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field

from revloop.checks.builtin.base import BuiltInCheck, Flaw, listed
from revloop.markdown.fences import fences

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARKDOWN = re.compile(
    r"!?\[(?P<label>[^\[\]\n]{0,500})\]\((?P<target>[^()\n]{0,2000}(?:\([^()\n]{0,500}\)[^()\n]{0,500})?)(?P<close>\)?)"
)
_BARE = re.compile(
    r"https?:/{0,2}[^\s<>\"`|\\^{}\u3000-\u303f\uff01-\uff5e]{0,2000}", re.IGNORECASE
)
_TITLE = re.compile(r"(?<!\s)\s++(?:\"[^\"]*\"|'[^']*'|\([^()]*\))\s*\Z")
_AFTER = ".,;:!?'*_~\u2019\u201d"
_HOST = re.compile(r"[^\W_](?:[\w-]{0,61}[^\W_])?(?:\.[^\W_](?:[\w-]{0,61}[^\W_])?)*\.?")
_ADDRESS = re.compile(r"[\d.]+|\[[0-9a-f:.]+\]|localhost", re.IGNORECASE)
_INLINE_CODE = re.compile(r"(?<!`)`(?!`)[^`\n]{1,1000}(?<!`)`(?!`)")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)
_PLACEHOLDERS = {"", "url", "link", "insert link", "insert link here", "link here"}


class Links(BuiltInCheck):
    """Links and images lead to well-formed http or https addresses.

    They are read, never visited. Code is passed over, and so are bare addresses without a scheme.
    """

    kind: Literal["links"] = "links"
    relative: bool = Field(
        default=False, description="Whether links without a host (docs/x.md, #heading) pass."
    )

    def flaws(self, original: str, text: str) -> Iterator[Flaw]:  # noqa: ARG002 - not compared
        """One for all links that are wrong."""
        wrong = [
            (f"{listed([link.shown or '(nothing)'])} ({why})", (link.start, link.end))
            for link in links(text)
            if (why := self._fault_of(link))
        ]
        if wrong:
            shown = "; ".join(what for what, _ in wrong[:_SHOWN])
            more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
            yield Flaw(
                f"These links are not well-formed: {shown}{more}.",
                tuple(place for _, place in wrong),
            )

    def _fault_of(self, link: Link) -> str | None:
        target = link.target
        if not link.is_closed:
            return "its closing bracket is missing"
        if target.casefold() in _PLACEHOLDERS:
            return "it leads nowhere"
        if target.casefold().startswith("mailto:"):
            return None if "@" in target else "it has no address"
        if self.relative and not _SCHEME.match(target):
            return None
        return _fault_of_address(target)


_SHOWN = 10


class Link(NamedTuple):
    """A link or an image.

    Attributes:
        target: Where it leads.
        shown: The link as it stands in the text.
        start: Its first character.
        end: The character after its last one.
        is_closed: Whether its closing bracket is there.
    """

    target: str
    shown: str
    start: int
    end: int
    is_closed: bool = True


def links(text: str) -> list[Link]:
    """Markdown's links and images, and bare http addresses; none of those in code."""
    plain = without_code(text)
    found = []
    for match in _MARKDOWN.finditer(plain):
        target = _TITLE.sub("", match["target"]).strip().removeprefix("<").removesuffix(">")
        found.append(Link(target, match[0], *match.span(), is_closed=bool(match["close"])))
    inside = iter(found[:])
    link = next(inside, None)
    for match in _BARE.finditer(plain):
        while link is not None and link.end <= match.start():
            link = next(inside, None)
        if link is not None and link.start <= match.start():
            continue
        target = _trimmed(match[0])
        found.append(Link(target, target, match.start(), match.start() + len(target)))
    return sorted(found, key=lambda one: one.start)


def without_code(text: str) -> str:
    """A text with its code, in blocks or in a line, replaced by as many spaces."""
    return _INLINE_CODE.sub(lambda code: " " * len(code[0]), _without_fenced(text))


def inline_code(text: str) -> list[str]:
    """The pieces of code in a line (between backticks)."""
    return [code[0].strip("`").strip() for code in _INLINE_CODE.finditer(_without_fenced(text))]


def without_links(text: str) -> str:
    """A text without code, and with links and images replaced by their labels."""
    labelled = _MARKDOWN.sub(lambda link: f" {link['label']} ", without_code(text))
    return _BARE.sub(" ", labelled)


def _without_fenced(text: str) -> str:
    pieces, last = [], 0
    for fence in fences(text):
        pieces += [text[last : fence.start], " " * (fence.end - fence.start)]
        last = fence.end
    return "".join([*pieces, text[last:]])


def _trimmed(address: str) -> str:
    """A bare address without the punctuation after it, and brackets that it does not open."""
    address = address.rstrip(_AFTER)
    while address.endswith((")", "]")):
        opening = "(" if address[-1] == ")" else "["
        if address.count(opening) >= address.count(address[-1]):
            break
        address = address[:-1].rstrip(_AFTER)
    return address


def _fault_of_address(target: str) -> str | None:
    if re.search(r"\s", target):
        return "it has a space"
    try:
        parts = urlsplit(target)
        _ = parts.port
    except ValueError:
        return "it is no address"
    if not _SCHEME.match(target):
        return "it has no http:// or https://"
    if parts.scheme not in {"http", "https"}:
        return "it is neither http nor https"
    return None if _is_host(parts.hostname or "") else "its host is no host name"


def _is_host(host: str) -> bool:
    if _ADDRESS.fullmatch(host) or ":" in host:
        return True
    return len(host) <= 253 and "." in host.rstrip(".") and _HOST.fullmatch(host) is not None
