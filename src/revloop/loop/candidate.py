"""A candidate: one revision of a round, with what led to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from revloop.edits import EditResult
    from revloop.trajectory import Check, Critique, GuardVerdict


class Candidate(NamedTuple):
    """One revision of a round.

    Attributes:
        critique: The critique that led to it.
        text: The revised text.
        edits: The edits that made it, with their outcomes; None if the whole text was written.
        failed_guards: The guards that it fails, of those that are off.
        checks: What the user's checks found in the text.
    """

    critique: Critique
    text: str
    edits: tuple[EditResult, ...] | None = None
    failed_guards: tuple[GuardVerdict, ...] = ()
    checks: tuple[Check, ...] = ()
