"""The check of regular expressions."""

from __future__ import annotations

from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from revloop.checks.builtin.base import BuiltInCheck, Flaw, Phrases, listed
from revloop.errors import needs

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_S = 5.0
"""Processor time for one search: a pattern may need exponential time on some text."""

_MATCHES = 20
_Flag = Literal["ignorecase", "multiline", "dotall"]


class Regex(BuiltInCheck):
    r"""The text matches patterns, or does not.

    Patterns are those of the package regex, which are Python's and more. They are searched for
    anywhere in the text; ``\A`` and ``\Z`` stand for its start and end.
    """

    kind: Literal["regex"] = "regex"
    must: Phrases = Field(default=(), description="Patterns that must match.")
    must_not: Phrases = Field(default=(), description="Patterns that must not match.")
    flags: tuple[_Flag, ...] = Field(
        default=(),
        description="ignorecase; multiline: ^ and $ match at lines; dotall: . matches line feeds.",
    )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if not (self.must or self.must_not):
            raise ValueError("has no pattern: set must or must_not")
        for pattern in (*self.must, *self.must_not):
            compiled(pattern, self.flags)
        return self

    def flaws(self, original: str, text: str) -> Iterator[Flaw]:  # noqa: ARG002 - not compared
        """One for each pattern.

        Raises:
            TimeoutError: The search for a pattern takes too long.
        """
        for pattern in self.must:
            if not _spans(pattern, self.flags, text, most=1):
                yield Flaw(f"The text must match the pattern {listed([pattern], '`')}.")
        for pattern in self.must_not:
            if places := _spans(pattern, self.flags, text, most=_MATCHES):
                there = [text[start:end] for start, end in places if end > start]
                quoted = f", but has {listed(there, QUOTE)}" if there else ""
                name = listed([pattern], "`")
                yield Flaw(f"The text must not match the pattern {name}{quoted}.", places)

    def may_take_long(self) -> bool:
        """It may, with some patterns."""
        return True


QUOTE = '"'


@cache
def compiled(pattern: str, flags: tuple[str, ...] = ()) -> Any:
    """A pattern of the package regex.

    Raises:
        ValueError: The pattern is wrong.
        MissingExtraError: The package is not installed.
    """
    with needs("The check 'regex' needs the package regex: pip install 'revloop[checks]'."):
        import regex
    try:
        return regex.compile(pattern, sum(getattr(regex, flag.upper()) for flag in set(flags)))
    except regex.error as exc:
        raise ValueError(f"the pattern '{pattern}' is wrong: {exc}") from exc


def _spans(
    pattern: str, flags: tuple[str, ...], text: str, *, most: int
) -> tuple[tuple[int, int], ...]:
    search = compiled(pattern, flags)
    # other threads run meanwhile (concurrent)
    matches = search.finditer(text, timeout=LIMIT_S, concurrent=True)
    try:
        return tuple(match.span() for match in islice(matches, most))
    except TimeoutError as exc:
        raise TimeoutError(
            f"the pattern {listed([pattern], '`')} takes more than {LIMIT_S:g} s on this text: "
            "simplify it"
        ) from exc
