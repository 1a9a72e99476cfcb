"""Options that the commands share which look at stored rounds: evaluate, report and judge."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from revloop.evaluation import Against

PromptsOfJudges = Annotated[
    str, typer.Option(help="Prompt set of model judges.", metavar="NAME|DIR")
]
By = Annotated[str | None, typer.Option(help="Split by this field of the drafts.", metavar="FIELD")]
RoundsTold = Annotated[
    int | None, typer.Option(min=1, help="Rounds to tell of. Else: all there are.")
]


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
