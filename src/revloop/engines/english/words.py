"""Words that are forms of one word, that are taken for one another, or that are small."""

from __future__ import annotations

import tomllib
from pathlib import Path

LISTS: dict[str, str] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
"""The lists, each a text of words."""


def groups(name: str) -> tuple[tuple[str, ...], ...]:
    """A list whose entries are words with strokes between them."""
    return tuple(tuple(group.split("/")) for group in LISTS[name].split())


def _confused() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for group in groups("confused"):
        for word in group:
            found[word] = found.get(word, frozenset()) | frozenset(group)
    return found


def _forms() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for base, *others in (*groups("irregular"), *groups("others"), *groups("plurals")):
        stem = base.removesuffix("e")
        regular = (f"{base}s", f"{base}es", f"{stem}ing", f"{base}{base[-1]}ing", f"{stem}ed")
        for word in {base, *others, *regular}:
            found[word] = found.get(word, frozenset()) | {base}
    return found


CONFUSED = _confused()
"""The words that a word is taken for."""

FORMS = _forms()
"""The base form of each form of irregular verbs and nouns; some forms belong to two."""

SMALL = frozenset(LISTS["small"].split())
"""Articles, prepositions, auxiliaries, pronouns and the like."""
