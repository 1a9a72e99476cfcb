"""Words that people confuse, misspell or inflect wrongly: the lists of `lexicon.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path

from revloop.engines.english.words import groups

_LISTS: dict[str, str] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)


def _words(name: str) -> list[str]:
    return _LISTS[name].split()


def _groups(name: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(group.split("/")) for group in _words(name))


def _table(name: str) -> dict[str, tuple[str, ...]]:
    pairs = (entry.split("=") for entry in _words(name))
    return {right: tuple(wrong.split("/")) for right, wrong in pairs}


MISSPELT = _table("misspelt")
"""Common misspellings, by the right word."""

CONFUSED = groups("confused")
"""Words taken for one another."""

AGREEMENT = {one: other for pair in _groups("agreement") for one, other in (pair, pair[::-1])}
"""The form of a verb that goes with the other number."""

PLURALS = _table("plurals")
"""Irregular plurals and nouns without one, with what learners write."""

IRREGULAR = {base: (past, participle) for base, past, participle in groups("irregular")}
"""Irregular verbs: past and participle, by base form."""

REGULAR = frozenset(_words("regular"))
"""Verbs whose third person is formed by rule."""

PREPOSITIONS = _table("prepositions")
"""What a preposition is taken for."""

NAMED = frozenset(_words("named"))
"""Days, months and names that begin with a capital."""

KEYBOARD = {letter: keys for letter, (keys,) in _table("keyboard").items()}
"""Neighbouring keys."""

SOUNDS = tuple((right, wrong) for right, wrong in (pair.split("=") for pair in _words("sounds")))
"""Spellings that sound alike."""

AUXILIARIES = frozenset(_words("auxiliaries"))
"""Words before a base form."""

BEFORE_PARTICIPLE = frozenset(_words("before_participle"))
"""Words before a participle."""

BEFORE_PLURAL = frozenset(_words("before_plural"))
"""Words before a plural."""

OFTEN_MISSING = frozenset(_words("often_missing"))
"""Words that are often left out."""
