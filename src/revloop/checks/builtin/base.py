"""What all built-in checks share: their settings, a digest of these, and how they report."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from anyio import to_thread
from pydantic import AfterValidator, BeforeValidator, Field

from revloop.trajectory import Check, CheckInfo, Span
from revloop.values import AnyText, Frozen, Text, digest_of, escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from revloop.trajectory import Draft

_VERSION = 1
"""Raise it when a built-in check finds something else than before: stored results are outdated."""

_LISTED = 10
_LISTED_CHARACTERS = 80
_SPANS = 20
_SHORT_CHARACTERS = 10_000
"""Up to this length a text is checked in a few milliseconds, not worth a thread."""

Limit = Annotated[int, Field(strict=True, ge=0)]


class Flaw(NamedTuple):
    """Something that a check found.

    Attributes:
        message: A sentence that a critic can act on.
        places: Where it is, as start and end.
    """

    message: str
    places: tuple[tuple[int, int], ...] = ()


class BuiltInCheck(Frozen):
    """The base of all built-in checks; each is a :class:`~revloop.trajectory.Checker`."""

    kind: str
    name: AnyText | None = Field(default=None, description="Its name. Default: its kind.")
    message: Text | None = Field(
        default=None, description="What the critic is told if it fails. Default: what it found."
    )

    @property
    def info(self) -> CheckInfo:
        """Name and digest, for the record."""
        return CheckInfo(name=self.name or self.kind, digest=digest_of(_VERSION, self.identity()))

    async def check(self, draft: Draft, text: str) -> Check:
        """Check a text; a long one in a thread. See :class:`~revloop.trajectory.Checker`."""
        if len(text) <= _SHORT_CHARACTERS and not self.may_take_long():
            return self.result(draft.response, text)
        work = partial(self.result, draft.response, text)
        return await to_thread.run_sync(work, abandon_on_cancel=True)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to release."""

    def result(self, original: str, text: str) -> Check:
        """What it finds in a text.

        Args:
            original: The response that is revised.
            text: The same, or a later version.
        """
        found = list(self.flaws(original, text))
        message = self.message if self.message is not None else " ".join(f.message for f in found)
        places = (place for flaw in found for place in flaw.places)
        return Check(
            name=self.info.name,
            passed=not found,
            message=escaped(message) if found else "",
            spans=tuple(Span(start=a, end=b) for a, b in islice(places, _SPANS)),
        )

    def flaws(self, original: str, text: str) -> Iterator[Flaw]:
        """What is wrong with a text; nothing if it passes."""
        raise NotImplementedError

    def identity(self) -> dict[str, Any]:
        """Everything that decides what it finds, as values of JSON."""
        return self.model_dump(mode="json", exclude={"name"})

    def may_take_long(self) -> bool:
        """Whether a short text may take long."""
        return False


def one_or_more(value: object) -> object:
    """A single text is a list of one."""
    return (value,) if isinstance(value, str) else value


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank")
    return text


Phrases = Annotated[
    tuple[Annotated[Text, AfterValidator(_not_blank)], ...], BeforeValidator(one_or_more)
]
"""Texts that are not blank; one alone may be given without a list."""


def listed(items: Iterable[str], mark: str = "") -> str:
    """The first items, each cut to a line of some words, and how many more there are.

    Args:
        items: Texts; white space in them is collapsed.
        mark: Stands before and after each.
    """
    every = list(items)
    shown = [f"{mark}{_cut(item)}{mark}" for item in every[:_LISTED]]
    more = len(every) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def plural(count: int, noun: str) -> str:
    """A number of things."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _cut(item: str) -> str:
    line = " ".join(item[: 2 * _LISTED_CHARACTERS].split())
    is_whole = len(item) <= 2 * _LISTED_CHARACTERS and len(line) <= _LISTED_CHARACTERS
    return line if is_whole else f"{line[: _LISTED_CHARACTERS - 1].rstrip()}…"
