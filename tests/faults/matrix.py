"""The fault matrix: every fault alone, and all of them together, as a table."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from revloop.engines import Deadlines

from .kinds import Fault, Plan
from .trial import run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .trial import Outcome

SHARE = 0.3
"""Share of the requests that fail."""

MIX = "all of them, mixed"
NOTHING = "none"
DEADLINES = Deadlines(connect_s=2.0, answer_s=1.0, token_s=0.0)
"""A hundredth of what they are in earnest: for the faults that only a deadline ends."""

COMMAND = "python -m tests.faults"
_HEADINGS = (
    *("fault", "completed", "requests", "extra", "in vain", "seconds lost"),
    *("versions lost", "versions twice", "same texts"),
)
_BEGIN, _END = f"<!-- {COMMAND} -->", "<!-- end -->"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table.

    Attributes:
        name: The fault, or what stands for none or all.
        outcome: What came of the run.
        lost_s: Seconds more than the run without faults.
        is_same: Whether every text is that of the run without faults.
    """

    name: str
    outcome: Outcome
    lost_s: float
    is_same: bool

    @property
    def cells(self) -> tuple[str, ...]:
        """What stands in the table, under its headings."""
        o = self.outcome
        return (
            *(self.name, f"{o.completed:.0%}", str(o.requests), str(o.extra), str(o.in_vain)),
            *(f"{max(self.lost_s, 0):.1f}", str(o.lost), str(o.twice)),
            "yes" if self.is_same else "no",
        )


async def measure(
    *,
    trajectories: int = 24,
    rounds: int = 3,
    seed: int = 0,
    faults: Sequence[Fault] = tuple(Fault),
    tell: Callable[[str], None] = lambda _: None,
) -> list[Line]:
    """Run every fault alone, then all of them mixed, each with :data:`SHARE` of the requests.

    Args:
        trajectories: Drafts of each run.
        rounds: Rounds of each draft.
        seed: Which requests fail.
        faults: Those to run alone.
        tell: Called with the name of each line that is begun.
    """
    plans: dict[str, Plan] = {fault.value: Plan({fault: SHARE}, seed) for fault in faults}
    plans[MIX] = Plan.evenly(SHARE, seed)
    good = await _outcome(Plan(), trajectories, rounds, is_slow=False)
    lines = [Line(NOTHING, good, 0.0, is_same=True)]
    for name, plan in plans.items():
        tell(name)
        is_slow = any(fault.is_slow for fault in plan.shares)
        outcome = await _outcome(plan, trajectories, rounds, is_slow=is_slow)
        lost_s = outcome.wall_s - good.wall_s
        lines.append(Line(name, outcome, lost_s, outcome.texts == good.texts))
    return lines


def table(lines: Sequence[Line]) -> str:
    """The lines as a table in Markdown."""
    rows = [_HEADINGS, tuple("---" for _ in _HEADINGS), *(line.cells for line in lines)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def read_table(page: str) -> list[Mapping[str, str]]:
    """The lines of the table that stands in a page, by their headings."""
    _, _, rest = page.partition(_BEGIN)
    text, _, _ = rest.partition(_END)
    rows = [line.strip("| ").split(" | ") for line in text.strip().splitlines()]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


def put_into(page: str, lines: Sequence[Line]) -> str:
    """A page with its table replaced."""
    between = re.compile(re.escape(_BEGIN) + ".*?" + re.escape(_END), re.DOTALL)
    return between.sub(lambda _: f"{_BEGIN}\n{table(lines)}{_END}", page)


async def _outcome(plan: Plan, trajectories: int, rounds: int, *, is_slow: bool) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        return await run(
            plan,
            Path(folder),
            trajectories=trajectories,
            rounds=rounds,
            deadlines=DEADLINES if is_slow else None,
        )
