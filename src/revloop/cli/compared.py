"""``--against``: what the text of a round is compared with."""

from __future__ import annotations

from enum import StrEnum

from revloop.evaluation import Against


class Compared(StrEnum):
    """What each round is compared with."""

    ORIGINAL = "original"
    PREVIOUS = "previous"
    BOTH = "both"

    @property
    def against(self) -> frozenset[Against]:
        """As the evaluation names it."""
        both: frozenset[Against] = frozenset({"original", "previous"})
        return both if self is Compared.BOTH else frozenset(x for x in both if x == self.value)
