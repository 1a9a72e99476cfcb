"""The names of a text: capitalised words that do not start a sentence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from revloop.checks.builtin.links import without_links
from revloop.checks.builtin.words import folded, sentences

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORD = re.compile(r"[^\W\d_][\w\u0300-\u036f]*(?:['\u2019-](?=[^\W\d_])[\w\u0300-\u036f]+)*")
_STARTS_ANEW = re.compile(
    r"[:;(\[{\"\u201c\u201e\u00ab'\u2018\u2013\u2014*_/|>=]\s*\Z|[-\u2022]\s+\Z"
)
_POSSESSIVE = re.compile(r"['\u2019](?:s|S)?\Z")
_NO_NAME = re.compile(
    r"i|i'(?:m|ve|d|ll)|an?|the|and|or|but|of|in|on|at|to|for|from|by|with|as|is|are|be|th(?:is|at|"
    r"ese|ose)|it|he|she|we|you|they|my|your|our|his|her|its|their|not?|yes|ok|if|when|what|why|how|"
    r"who|where|which|t?here|step|note|example|part|chapter|section|table|figure|mrs?|ms|dr|[ap]m"
)


def names(text: str) -> dict[str, str]:
    """The names of a text: folded, and as they were first written.

    A word is one if it is capitalised where a common word would not be: not at the start of a
    sentence, a list item or a quotation, nor after a colon or a bracket, nor in a heading or a
    title in capitals. Code and addresses have no names.
    """
    found: dict[str, str] = {}
    plain = without_links(text)
    for start, end in sentences(plain):
        for word in _names_of(plain, start, end):
            found.setdefault(folded(word), word)
    return found


def name_forms(text: str) -> set[str]:
    """The words of a text, folded, by which a name counts as kept."""
    found = [*_WORD.findall(text), *_WORD.findall(without_links(text))]
    words = (folded(_POSSESSIVE.sub("", word)) for word in found)
    return {form for word in words for form in (word, *word.split("-"))}


def is_kept(name: str, forms: set[str]) -> bool:
    """Whether a folded name is among words, also as plural or singular."""
    return (
        name in forms
        or f"{name}s" in forms
        or name.removesuffix("s") in forms
        or ("-" in name and all(part in forms for part in name.split("-")))
    )


def _names_of(text: str, start: int, end: int) -> Iterator[str]:
    if text[start:end].lstrip(" \t>").startswith(("#", "|")):
        return
    words = list(_WORD.finditer(text, start, end))
    long = [word for word in words if len(word[0]) > 3]
    ends = text[start:end].rstrip(" \t\r\n*_\"'\u201d\u2019)]").endswith((".", "!", "?", "\u2026"))
    if not ends and len(long) > 2 and all(word[0][0].isupper() for word in long):
        return  # a title
    for word in words[1:]:
        if not word[0][0].isupper() or _STARTS_ANEW.search(
            text, max(0, word.start() - 4), word.start()
        ):
            continue
        name = _POSSESSIVE.sub("", word[0])
        if len(name) > 1 and not _NO_NAME.fullmatch(folded(name)):
            yield name
