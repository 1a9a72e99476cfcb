"""What a guard looks at, a revision with everything that it was made from, and what passes it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from revloop.prompts.guards.splitting import SplitText

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.prompts.parsing import Labels
    from revloop.trajectory import Critique, GuardVerdict


class Accepted(NamedTuple):
    """A revision that passed the guards.

    Attributes:
        text: The version's text.
        failed_guards: The guards that it fails, of those that are off; an unchanged one fails none.
    """

    text: str
    failed_guards: tuple[GuardVerdict, ...] = ()


@dataclass(frozen=True)
class Revised:
    """A revision and what it was made from.

    Attributes:
        text: The revision as parsed, without talk around it.
        before: The text that it revises.
        critique: The critique that led to it.
        original: The draft's response.
        prompts: The texts of the draft's prompt.
        template_lines: The lines that every prompt of the set contains.
        labels: The headings of critiques, if any.
    """

    text: str
    before: str
    critique: Critique
    original: str = ""
    prompts: Sequence[str] = ()
    template_lines: Sequence[str] = ()
    labels: Labels | None = None

    @property
    def given(self) -> Sequence[str]:
        """The texts of the draft: a revision may contain what they contain."""
        return (self.before, self.original, *self.prompts)

    @property
    def fault(self) -> str:
        """The part of the critique that says what should change."""
        found = self.critique.negative
        return self.critique.raw if found is None else found

    @cached_property
    def split(self) -> SplitText:
        """The revision, split."""
        return SplitText(self.text)

    @cached_property
    def split_critique(self) -> SplitText:
        """The critique, split."""
        return SplitText(self.critique.raw)

    @cached_property
    def split_given(self) -> tuple[SplitText, ...]:
        """The different texts of the draft, split."""
        return tuple(map(SplitText, dict.fromkeys(self.given)))
