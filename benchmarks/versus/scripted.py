"""revloop with real lengths, with the command line of a baseline.

It works like ``revloop batch``, but with a :class:`~benchmarks.lengths.ScriptedEngine` in front of
the server, for which the command line has no option.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from benchmarks.lengths import LengthScript, ScriptedEngine
from revloop import AsyncReviser
from revloop.batch import Batch, InputSource, Progress
from revloop.engines import HttpEngine
from revloop.options import BatchOptions


async def revise_all(source: Path, output: Path, base_url: str, iterations: int, seed: int) -> None:
    """Revise a file of drafts into a file of trajectories."""
    engine = ScriptedEngine(await HttpEngine.connect(base_url), LengthScript(seed))
    try:
        async with AsyncReviser(engine=engine, store=f"{output}.sqlite") as reviser:
            batch = Batch(
                *(InputSource(str(source)), output, reviser, BatchOptions(), Progress()),
                iterations=iterations,
            )
            outcome = await batch.run()
    finally:
        await engine.aclose()
    print(json.dumps({"rows": outcome.rows, "failed": outcome.failed}))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("drafts", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--lengths-seed", type=int, required=True)
    chosen = parser.parse_args()
    asyncio.run(
        revise_all(
            chosen.drafts, chosen.output, chosen.base_url, chosen.iterations, chosen.lengths_seed
        )
    )


if __name__ == "__main__":
    main()
