"""The check of what a text mentions."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from revloop.checks.builtin.base import BuiltInCheck, Flaw, Phrases, listed
from revloop.checks.builtin.words import folded, keeps_places, part_of_a_word

if TYPE_CHECKING:
    from collections.abc import Iterator


class Mentions(BuiltInCheck):
    """The text mentions phrases, or does not.

    A phrase must stand there in whole words. Case, white space, typographic quotes and the Unicode
    form do not matter.
    """

    kind: Literal["mentions"] = "mentions"
    all: Phrases = Field(default=(), description="Phrases that the text must mention.")
    any: Phrases = Field(default=(), description="Phrases of which it must mention one or more.")
    none: Phrases = Field(default=(), description="Phrases that it must not mention.")

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not (self.all or self.any or self.none):
            raise ValueError("names no phrase: set all, any or none")
        return self

    def flaws(self, original: str, text: str) -> Iterator[Flaw]:  # noqa: ARG002 - not compared
        """One for each of the three lists that the text does not satisfy."""
        plain = folded(text)
        missing = [phrase for phrase in self.all if not _mentioned(phrase, plain)]
        if missing:
            yield Flaw(f"The text must mention {listed(missing, QUOTE)}.")
        if self.any and not any(_mentioned(phrase, plain) for phrase in self.any):
            yield Flaw(f"The text must mention at least one of {listed(self.any, QUOTE)}.")
        if forbidden := [phrase for phrase in self.none if _mentioned(phrase, plain)]:
            places = [
                found.span()
                for phrase in (forbidden if keeps_places(text) else ())
                for found in _pattern(phrase).finditer(plain)
            ]
            yield Flaw(f"The text must not mention {listed(forbidden, QUOTE)}.", tuple(places))


QUOTE = '"'


def _mentioned(phrase: str, plain: str) -> bool:
    return _pattern(phrase).search(plain) is not None


@cache
def _pattern(phrase: str) -> re.Pattern[str]:
    """A phrase in a folded text: in whole words where it begins or ends with one."""
    words = folded(phrase).split()
    inside = part_of_a_word()
    before = f"(?<![{inside}])" if re.match(f"[{inside}]", words[0]) else ""
    after = f"(?![{inside}])" if re.search(f"[{inside}]\\Z", words[-1]) else ""
    return re.compile(before + r"\s+".join(map(re.escape, words)) + after)
