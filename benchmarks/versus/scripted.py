"""revloop with real lengths, with the command line of a baseline.

It works like ``revloop batch``, but with a :class:`~benchmarks.lengths.ScriptedEngine` in front of
the server, for which the command line has no option.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from benchmarks.lengths import LengthScript, ScriptedEngine, add_script_options, script_of
from revloop import AsyncReviser, PromptSet
from revloop.batch import Batch, InputSource, Progress
from revloop.engines import HttpEngine
from revloop.options import BatchOptions


async def revise_all(
    source: Path, output: Path, base_url: str, iterations: int, script: LengthScript
) -> None:
    """Revise a file of drafts into a file of trajectories."""
    engine = ScriptedEngine(await HttpEngine.connect(base_url), script)
    try:
        async with AsyncReviser(
            engine=engine, prompts=script.prompts.name, store=f"{output}.sqlite"
        ) as reviser:
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
    parser.add_argument("--prompts", default="cnr", help="a prompt set for completions")
    add_script_options(parser)
    chosen = parser.parse_args()
    script = script_of(chosen, PromptSet.load(chosen.prompts))
    if script is None:
        parser.error("--lengths-seed is missing")
    asyncio.run(
        revise_all(chosen.drafts, chosen.output, chosen.base_url, chosen.iterations, script)
    )


if __name__ == "__main__":
    main()
