"""How a pilot draws its sample."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from revloop.options import Flag, Options

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
    sample_seed: int = Field(default=0, ge=0, description="Random seed of the sample.")
