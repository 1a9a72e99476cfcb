"""How the rounds of a store are compared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from revloop.evaluation.collecting import DEFAULT_CONCURRENCY
from revloop.evaluation.pairs import BOTH, Against
from revloop.options import DEFAULT_JUDGE_PROMPTS, HOW_TO_NAME_A_JUDGE, Flag, Options, Prices

ComparedWith = Literal["original", "previous", "both"]
"""What each round is compared with."""


def comparisons(name: ComparedWith) -> frozenset[Against]:
    """The comparisons that a name stands for."""
    return BOTH if name == "both" else frozenset({name})


class EvaluationOptions(Options):
    """How the rounds of a store are compared."""

    panel: ClassVar[str] = "Evaluation"

    judge: Annotated[tuple[str, ...], Flag(metavar="JUDGE")] = Field(
        default=(),
        description=f"Who compares: {HOW_TO_NAME_A_JUDGE}. Repeat it for several judges and their "
        "agreement. By default the judges whose verdicts the store holds.",
    )
    judge_prompts: Annotated[str, Flag(metavar="NAME|DIR", reads="the judges' prompts")] = Field(
        default=DEFAULT_JUDGE_PROMPTS, description="Prompt set for model judges."
    )
    against: ComparedWith = Field(
        default="original", description="Version to compare each round with."
    )
    by: Annotated[str | None, Flag(metavar="FIELD")] = Field(
        default=None, description="Split the figures by this field of the drafts."
    )
    rounds: Annotated[int | None, Flag(metavar="N")] = Field(
        default=None, ge=1, description="Rounds to cover; by default all."
    )
    prices: Annotated[Path | None, Flag(metavar="FILE", reads="the prices")] = Field(
        default=None,
        description="TOML file of prices by model, to count money: see docs/budgets.md.",
    )
    concurrency: Annotated[int, Flag(metavar="N")] = Field(
        default=DEFAULT_CONCURRENCY, ge=1, description="Concurrent requests to a judge."
    )

    def read_prices(self) -> Prices | None:
        """The prices; None without any.

        Raises:
            InputError: The file cannot be used.
        """
        return None if self.prices is None else Prices.load(self.prices)
