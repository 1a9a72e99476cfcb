"""The check `links`: which links are found, and which are well-formed."""

from __future__ import annotations

import pytest

from revloop.checks import Links
from revloop.checks.builtin.links import links
from tests.helpers.built_in import says, shows


def targets(text: str) -> list[str]:
    return [link.target for link in links(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See https://a.com/x?y=1#z.", ["https://a.com/x?y=1#z"]),
        (
            "[a](https://a.com) and ![b](https://b.com/c.png)",
            ["https://a.com", "https://b.com/c.png"],
        ),
        ('[a](<https://a.com> "Title")', ["https://a.com"]),
        ("(https://en.wikipedia.org/wiki/A_(b))", ["https://en.wikipedia.org/wiki/A_(b)"]),
        ("[a](https://a.com/b_(c))", ["https://a.com/b_(c)"]),
        ("<https://a.com>, **https://b.com**", ["https://a.com", "https://b.com"]),
        ("[https://a.com](https://b.com)", ["https://b.com"]),
        ("`https://a.com`\n```\nhttps://b.com\n```\n", []),
        ("\u89c1https://a.com\u3002", ["https://a.com"]),
        ("www.a.com and a[0](x)", ["x"]),
        ("https://a.com\r\nhttps://b.com", ["https://a.com", "https://b.com"]),
    ],
)
def test_links_are_found(text: str, expected: list[str]) -> None:
    assert targets(text) == expected


@pytest.mark.parametrize(
    "target",
    [
        "https://a.com",
        "http://a.com:8080/b?c=d",
        "https://m\u00fcnchen.de/stra\u00dfe",
        "http://127.0.0.1:8000/",
        "http://localhost:3000",
        "http://[::1]/",
        "mailto:a@b.com",
    ],
)
def test_a_well_formed_link_passes(target: str) -> None:
    assert says(Links(), f"[a]({target}) and then.") is None


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ("[a](https://a.com", "its closing bracket is missing"),
        ("[a]()", "it leads nowhere"),
        ("![a](URL)", "it leads nowhere"),
        ("[a](https://a.com/b c)", "it has a space"),
        ("[a](docs/a.md)", "it has no http:// or https://"),
        ("[a](#b)", "it has no http:// or https://"),
        ("[a](www.a.com)", "it has no http:// or https://"),
        ("[a](ftp://a.com)", "it is neither http nor https"),
        ("[a](javascript:x)", "it is neither http nor https"),
        ("https://", "its host is no host name"),
        ("http:/a.com", "its host is no host name"),
        ("https://a..com", "its host is no host name"),
        ("https://example", "its host is no host name"),
        ("http://a.com:99999", "it is no address"),
        ("[a](http://[::1)", "it is no address"),
        ("[a](mailto:b)", "it has no address"),
    ],
)
def test_a_link_that_is_not_is_told_with_the_reason(link: str, why: str) -> None:
    text = f"{link}\n\n[fine](https://a.com)"
    assert says(Links(), text) == f"These links are not well-formed: {link} ({why})."
    assert shows(Links(), text) == [link]


def test_relative_links_can_be_allowed() -> None:
    text = "[a](docs/a.md), [b](#b), [c](/c)"
    assert says(Links(relative=True), text) is None
    assert says(Links(relative=True), "[a]()") is not None
    assert says(Links(relative=True), "[a](ftp://a.com)") is not None


def test_many_wrong_links_are_counted() -> None:
    assert " and 5 more." in str(says(Links(), "[a]() " * 15))
