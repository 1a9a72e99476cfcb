"""What the commands work on that bring their own drafts: ``bench throughput`` and ``demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from revloop.options.base import Flag, Options


class BenchOptions(Options):
    """What is measured."""

    panel: ClassVar[str] = "Measurement"

    drafts: Annotated[int, Flag(metavar="N")] = Field(
        default=512, ge=1, description="Number of demo drafts to revise."
    )
    input: Annotated[str | None, Flag(metavar="INPUT")] = Field(
        default=None, description="Your own drafts instead; any input of revloop batch."
    )
    repeats: Annotated[int, Flag(metavar="N")] = Field(
        default=3, ge=1, description="Runs of each side."
    )
    oracle: bool = Field(
        default=True,
        description="Also measure the engine's limit: the same requests, all at once.",
    )


class DemoOptions(Options):
    """What the demo shows."""

    panel: ClassVar[str] = "Demo"

    drafts: Annotated[int, Flag(metavar="N")] = Field(
        default=24, ge=1, description="Drafts to revise; --seed selects them."
    )
    shown: Annotated[int, Flag(metavar="N")] = Field(
        default=2, ge=0, description="Trajectories to print in full."
    )
    store: Annotated[Path | None, Flag(metavar="PATH")] = Field(
        default=None, description="Version store to write; a new file in this folder by default."
    )
    in_process: bool = Field(
        default=False, description="Use transformers in this process, and no server."
    )
