"""The kinds of rounds: each makes other requests in another order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from revloop.options import LoopOptions


@dataclass(frozen=True, slots=True)
class Way:
    """A kind of round.

    Attributes:
        name: Its name in the table.
        loop: The options that select it.
    """

    name: str
    loop: LoopOptions

    @property
    def options(self) -> dict[str, Any]:
        """The options of a reviser."""
        return self.loop.model_dump(exclude_unset=True)

    @property
    def is_judged(self) -> bool:
        """Whether a judge compares the versions."""
        return self.loop.keep != "last"

    def arguments(self, judge: str) -> list[str]:
        """The command-line options, with the address of a judge if one is needed."""
        said = ["--judge", judge] if self.is_judged else []
        for name, value in self.options.items():
            said.append(f"--{name.replace('_', '-')}")
            said += [] if value is True else [str(value)]
        return said


TWO_PASSES = Way("critique, then revision", LoopOptions(temperature=0.0))
SINGLE_PASS = Way("single pass", LoopOptions(temperature=0.0, single_pass=True))
CANDIDATES = Way("two candidates", LoopOptions(temperature=0.7, candidates=2))
SINGLE_PASS_CANDIDATES = Way(
    "two candidates, single pass", LoopOptions(temperature=0.7, candidates=2, single_pass=True)
)
GATE = Way("gate with a judge", LoopOptions(temperature=0.7, keep="gate", self_judge=True))
WAYS = (TWO_PASSES, SINGLE_PASS, CANDIDATES, SINGLE_PASS_CANDIDATES, GATE)
