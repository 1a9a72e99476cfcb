"""How a pilot draws its sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from revloop.options import Flag, Options, Prices

DEFAULT_SAMPLE = 200


class PilotOptions(Options):
    """How a pilot draws its sample."""

    panel: ClassVar[str] = "Pilot"

    sample: Annotated[int, Flag(metavar="N")] = Field(
        default=DEFAULT_SAMPLE, ge=1, description="Drafts to revise and judge."
    )
    by: Annotated[str | None, Flag(metavar="FIELD")] = Field(
        default=None,
        description="Draw by this field of the rows as well as by length, and let the policy "
        "decide by it.",
    )
    max_harm: Annotated[float | None, Flag(metavar="SHARE")] = Field(
        default=None,
        gt=0,
        lt=1,
        description="Recommend no rounds that may break more than this share of all drafts, such "
        "as 0.01, by the 95% interval.",
    )
    prices: Annotated[Path | None, Flag(metavar="FILE", reads="the prices")] = Field(
        default=None,
        description="TOML file of prices by model, to count money: see docs/budgets.md.",
    )
    sample_seed: int = Field(default=0, ge=0, description="Random seed of the sample.")

    def read_prices(self) -> Prices | None:
        """The prices; None without any.

        Raises:
            InputError: The file cannot be used.
        """
        return None if self.prices is None else Prices.load(self.prices)
