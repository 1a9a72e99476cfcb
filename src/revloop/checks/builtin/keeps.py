"""The check that a revision keeps what the original says: numbers, names, quotes, code, links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from revloop.checks.builtin.base import BuiltInCheck, Flaw, listed, one_or_more
from revloop.checks.builtin.links import inline_code, links, without_code
from revloop.checks.builtin.names import is_kept, name_forms, names
from revloop.checks.builtin.numbers import numbers, numbers_in_words
from revloop.checks.builtin.words import folded
from revloop.markdown.fences import fences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Kept = Literal["numbers", "names", "quotes", "code", "links"]

_QUOTE = re.compile(
    r"\u201c([^\u201c\u201d\n]{3,1000})\u201d|\u201e([^\u201c\u201d\u201e\n]{3,1000})[\u201c\u201d]|"
    r"\u00ab([^\u00ab\u00bb\n]{3,1000})\u00bb|"
    r"(?<![\w\"])\"(?=[^\s\"])([^\"\n]{2,1000}[^\s\"])\"(?![\w\"])"
)
_AROUND_QUOTES = " .,;:!?\u2026"
_SEARCHES = 100
_SEARCHED_CHARACTERS = 10**9


class Keeps(BuiltInCheck):
    """All numbers, names, quotes, code and links of the original stand in the later version.

    What is added does not matter, nor where and how often something stands.
    """

    kind: Literal["keeps"] = "keeps"
    what: Annotated[tuple[Kept, ...], BeforeValidator(one_or_more)] = Field(
        default=("numbers", "names", "quotes", "code", "links"),
        min_length=1,
        description="What is kept. Default: all of numbers, names, quotes, code, links.",
    )

    def __init__(self, *what: Kept, **settings: Any) -> None:
        """The check for some of what can be kept.

        Args:
            what: numbers, names, quotes, code, links; none: all of them.
            settings: Name and message.
        """
        super().__init__(**({"what": what} if what else {}), **settings)

    def flaws(self, original: str, text: str) -> Iterator[Flaw]:
        """One for each kind of what is missing."""
        if original == text:
            return
        for kind in dict.fromkeys(self.what):
            if missing := _MISSING[kind](original, text):
                mark = "`" if kind == "code" else '"' if kind == "quotes" else ""
                what = "This code" if kind == "code" else f"These {kind}"
                verb = "is" if kind == "code" else "are"
                yield Flaw(f"{what} of the original {verb} missing: {listed(missing, mark)}.")


def _missing_numbers(original: str, text: str) -> list[str]:
    there = numbers(text, with_list_numbers=True)
    missing = {one: as_ for one, as_ in numbers(original).items() if one not in there}
    if missing:
        in_words = numbers_in_words(text)
        missing = {one: as_ for one, as_ in missing.items() if one not in in_words}
    return list(missing.values())


def _missing_names(original: str, text: str) -> list[str]:
    there = name_forms(text)
    return [as_ for name, as_ in names(original).items() if not is_kept(name, there)]


def _missing_quotes(original: str, text: str) -> list[str]:
    quotes = {_same_quote(quote): quote for quote in _quotes(original)}
    left = quotes.keys() - {_same_quote(quote) for quote in _quotes(text)}
    absent = _absent([same for same in quotes if same in left], _same_quote(text))
    return [quotes[same] for same in absent]


def _quotes(text: str) -> Iterator[str]:
    for match in _QUOTE.finditer(without_code(text)):
        yield next(filter(None, match.groups()))


def _same_quote(quote: str) -> str:
    return " ".join(folded(quote).split()).strip(_AROUND_QUOTES)


def _missing_code(original: str, text: str) -> list[str]:
    there = {_same_code(one) for one in _code(text)}
    codes = {_same_code(one): one for one in _code(original)}
    left = [same for same in codes if same not in there]
    return [codes[same] for same in _absent(left, "\n\n".join([_same_code(text), *there]))]


def _code(text: str) -> Iterator[str]:
    for fence in fences(text):
        yield fence.code
    yield from inline_code(text)


def _same_code(code: str) -> str:
    return "\n".join(line.rstrip() for line in code.splitlines()).strip("\n")


def _absent(pieces: Sequence[str], text: str) -> list[str]:
    """The pieces that do not stand in a text; past a limit of work they count as absent."""
    most = max(_SEARCHES, _SEARCHED_CHARACTERS // max(1, len(text)))
    return [one for number, one in enumerate(pieces) if number >= most or one not in text]


def _missing_links(original: str, text: str) -> list[str]:
    there = {_same_link(link.target) for link in links(text)}
    targets = dict.fromkeys(link.target for link in links(original) if link.target)
    return [target for target in targets if _same_link(target) not in there]


def _same_link(target: str) -> str:
    return target.removesuffix("/")


_MISSING: dict[Kept, Callable[[str, str], list[str]]] = {
    "numbers": _missing_numbers,
    "names": _missing_names,
    "quotes": _missing_quotes,
    "code": _missing_code,
    "links": _missing_links,
}
