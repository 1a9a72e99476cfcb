"""Run the fault matrix and print it as tables: ``python -m tests.e2e.faults``."""

from __future__ import annotations

import argparse
import asyncio
import sys

from tests.helpers.repository import REPOSITORY

from .matrix import (
    COMMAND,
    FAULTS,
    INTERRUPTIONS,
    ROUNDS,
    Line,
    Size,
    measure_faults,
    measure_interruptions,
    measure_rounds,
    put_into,
    table,
)

PAGE = REPOSITORY / "docs" / "reliability.md"


def main() -> int:
    """Run, print, and write the tables into the docs if requested.

    Returns:
        0 if no version was lost or made twice, every run gave the texts of the run without
        faults, and every interruption was orderly; else 1.
    """
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--trajectories", type=int, default=24, help="drafts of each run")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each draft")
    parser.add_argument("--seed", type=int, default=0, help="which requests fail")
    parser.add_argument("--write", action="store_true", help=f"write the tables into {PAGE.name}")
    asked = parser.parse_args()
    tables = asyncio.run(_measure(Size(asked.trajectories, asked.rounds, asked.seed)))
    for lines in tables.values():
        sys.stdout.write(table(lines) + "\n")
    for line in (line for lines in tables.values() for line in lines):
        for remark in line.remarks:
            _tell(f"{', '.join(line.cells.values())}: {remark}")
    if asked.write:
        page = PAGE.read_text(encoding="utf-8")
        for name, lines in tables.items():
            page = put_into(page, name, lines)
        PAGE.write_text(page, encoding="utf-8")
    return 0 if all(line.is_well for lines in tables.values() for line in lines) else 1


async def _measure(size: Size) -> dict[str, list[Line]]:
    return {
        FAULTS: await measure_faults(size, tell=_tell),
        ROUNDS: await measure_rounds(size, tell=_tell),
        INTERRUPTIONS: await measure_interruptions(size, tell=_tell),
    }


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
