"""The fault matrix: every fault alone, and all of them in every kind of round, as tables."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from revloop.engines import Deadlines

from .interrupted import Ended, interrupt, quick_faults
from .kinds import Fault, Plan
from .trial import Door, run
from .ways import TWO_PASSES, WAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .interrupted import Interruption
    from .trial import Outcome
    from .ways import Way

SHARE = 0.3
"""Share of the requests that fail."""

MIX = "all of them, mixed"
NOTHING = "none"
DEADLINES = Deadlines(connect_s=2.0, answer_s=1.0, token_s=0.0)
"""A hundredth of the production values, for faults that only a deadline ends."""

COMMAND = "python -m tests.e2e.faults"
FAULTS, ROUNDS, INTERRUPTIONS = "faults", "rounds", "interruptions"
"""The names of the tables."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a run is.

    Attributes:
        trajectories: Drafts of each run.
        rounds: Rounds of each draft.
        seed: Which requests fail.
    """

    trajectories: int = 24
    rounds: int = 3
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table.

    Attributes:
        cells: Its cells by heading.
        is_well: Whether nothing was lost or made twice, and every text is that of the run without
            faults.
        remarks: What else a person may want to know.
    """

    cells: Mapping[str, str]
    is_well: bool
    remarks: tuple[str, ...] = ()

    @classmethod
    def of(cls, named: Mapping[str, str], outcome: Outcome, good: Outcome) -> Line:
        """The outcome of a run.

        Args:
            named: Which run it was, by the headings.
            outcome: What came of it.
            good: What came of the run without faults.
        """
        is_same = outcome.texts == good.texts
        cells = {
            **named,
            "completed": f"{outcome.completed:.0%}",
            "requests": str(outcome.requests),
            "extra": str(outcome.extra),
            "wasted": str(outcome.wasted),
            "seconds lost": f"{max(outcome.wall_s - good.wall_s, 0):.1f}",
            **_losses(outcome, is_same=is_same),
        }
        is_well = is_same and outcome.lost == outcome.twice == 0
        return cls(cells, is_well, outcome.ends)

    @classmethod
    def of_interruption(
        cls, named: Mapping[str, str], outcome: Interruption, good: Outcome
    ) -> Line:
        """The outcome of an interrupted run, as for :meth:`of`."""
        is_same = outcome.texts == good.texts
        cells = {
            **named,
            "orderly": "yes" if outcome.is_orderly else "no",
            "versions stored": str(outcome.before),
            "completed": f"{outcome.completed:.0%}",
            "wasted": str(outcome.wasted),
            **_losses(outcome, is_same=is_same),
        }
        is_well = is_same and outcome.is_orderly and outcome.lost == outcome.twice == 0
        return cls(cells, is_well, () if outcome.is_orderly else (outcome.said,))


async def measure_faults(
    size: Size = Size(),
    faults: Sequence[Fault] = tuple(Fault),
    tell: Callable[[str], None] = lambda _: None,
) -> list[Line]:
    """Run every fault alone, then all of them mixed, each with :data:`SHARE` of the requests.

    Args:
        size: How large each run is.
        faults: Those to run alone.
        tell: Called with the name of each line that is begun.
    """
    plans = {fault.value: Plan({fault: SHARE}, size.seed) for fault in faults}
    plans[MIX] = Plan.evenly(SHARE, size.seed)
    good = await _outcome(Plan(), size)
    lines = [Line.of({"fault": NOTHING}, good, good)]
    for name, plan in plans.items():
        tell(name)
        lines.append(Line.of({"fault": name}, await _outcome(plan, size), good))
    return lines


async def measure_rounds(
    size: Size = Size(),
    ways: Sequence[Way] = WAYS,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Line]:
    """Run all faults mixed with every kind of round, from Python and in a batch.

    Args:
        size: How large each run is.
        ways: How rounds are made.
        tell: Called with the name of each line that is begun.
    """
    lines = []
    for way in ways:
        good = await _outcome(Plan(), size, way)
        for door in Door:
            tell(f"{way.name}, {door}")
            outcome = await _outcome(Plan.evenly(SHARE, size.seed), size, way, door)
            lines.append(Line.of({"rounds": way.name, "from": door.value}, outcome, good))
    return lines


async def measure_interruptions(
    size: Size = Size(),
    ways: Sequence[Way] = WAYS,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Line]:
    """Interrupt runs with faults in every kind of round, and resume them.

    Args:
        size: How large each run is.
        ways: How rounds are made.
        tell: Called with the name of each line that is begun.
    """
    lines = []
    for way in ways:
        good = await _outcome(Plan(), size, way)
        for by in Ended:
            tell(f"{way.name}, {by}")
            plan = quick_faults(SHARE, size.seed)
            with tempfile.TemporaryDirectory() as folder:
                outcome = await interrupt(
                    way,
                    by,
                    plan,
                    Path(folder),
                    trajectories=size.trajectories,
                    rounds=size.rounds,
                )
            named = {"rounds": way.name, "ended by": by.value}
            lines.append(Line.of_interruption(named, outcome, good))
    return lines


def table(lines: Sequence[Line]) -> str:
    """The lines as a table in Markdown."""
    headings = list(lines[0].cells)
    rows = [headings, ["---"] * len(headings), *(list(line.cells.values()) for line in lines)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def read_table(page: str, name: str) -> list[Mapping[str, str]]:
    """The rows of a table in a page, by heading."""
    begin, end = _marks(name)
    _, _, rest = page.partition(begin)
    text, _, _ = rest.partition(end)
    rows = [line.strip("| ").split(" | ") for line in text.strip().splitlines()]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


def put_into(page: str, name: str, lines: Sequence[Line]) -> str:
    """A page with one of its tables replaced."""
    begin, end = _marks(name)
    between = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    return between.sub(lambda _: f"{begin}\n{table(lines)}{end}", page)


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- {COMMAND}: {name} -->", "<!-- end -->"


def _losses(outcome: Outcome | Interruption, *, is_same: bool) -> dict[str, str]:
    return {
        "versions lost": str(outcome.lost),
        "versions twice": str(outcome.twice),
        "same texts": "yes" if is_same else "no",
    }


async def _outcome(
    plan: Plan, size: Size, way: Way = TWO_PASSES, door: Door = Door.PYTHON
) -> Outcome:
    is_slow = any(fault.is_slow for fault in plan.shares)
    with tempfile.TemporaryDirectory() as folder:
        return await run(
            plan,
            Path(folder),
            way=way,
            door=door,
            trajectories=size.trajectories,
            rounds=size.rounds,
            deadlines=DEADLINES if is_slow else None,
        )
