"""Run the fault matrix and print it as a table: ``python -m tests.faults``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from .matrix import COMMAND, measure, put_into, table

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def main() -> int:
    """Run, print, and put the table into the docs where that is asked for.

    Returns:
        0 where no version was lost or made twice and the mix gave the texts of the run without
        faults, else 1.
    """
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--trajectories", type=int, default=24, help="drafts of each run")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each draft")
    parser.add_argument("--seed", type=int, default=0, help="which requests fail")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    asked = parser.parse_args()
    lines = asyncio.run(
        measure(
            trajectories=asked.trajectories,
            rounds=asked.rounds,
            seed=asked.seed,
            tell=_tell,
        )
    )
    sys.stdout.write(table(lines))
    for line in lines:
        for end in line.outcome.ends:
            _tell(f"{line.name}: {end}")
    if asked.write:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(put_into(page, lines), encoding="utf-8")
    is_well = all(line.outcome.lost == line.outcome.twice == 0 for line in lines)
    return 0 if is_well and lines[-1].is_same else 1


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
