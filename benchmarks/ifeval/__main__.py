r"""IFEval: how many prompts are followed, by round, and at how many tokens.

    python -m benchmarks.ifeval --data FOLDER --model FOLDER [--prompts N] [--keep FOLDER]

A model answers the prompts of IFEval and improves its answers, in each of these ways: it answers
anew, told which instructions its last answer did not follow (and the same asked for a short answer,
or behind a gate of checks); it rewrites its answer, told so (and the same behind a gate); it
rewrites after a critique of its own that is told so; and after one without checks. Against them:
the best of N drafts, at the tokens that a way spent, chosen by the verifiers, by the words that the
drafts share, or at random. All have the first draft, the sampling and the token limit in common,
and run at the same time, which keeps the server busy. Accuracy is strict, by the verifiers of the
package `lm-eval` (`pip install 'lm-eval[ifeval]'`). Writes `benchmarks/results/ifeval.json` and a
plot, and prints the tables. With --keep, drafts and stores stay in a folder, and the same command
resumes, also with more prompts.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from benchmarks.arguments import add_data_option, command_parser
from benchmarks.ifeval.arms import ARMS, COMMON, LOOP, RIVALS, drawn_name, file_name, message
from benchmarks.ifeval.drafting import FurtherDrafts, Pool, first_drafts, sampling_of
from benchmarks.ifeval.prompts import chosen_rows
from benchmarks.ifeval.resuming import unfinished
from benchmarks.ifeval.stored import count, finished, refuse_without_loop, show
from benchmarks.ifeval.verifying import checks
from benchmarks.serving import MOST_REQUESTS, served
from revloop.batch import arevise_many
from revloop.concurrency import task_group
from revloop.engines import Deadlines, HttpEngine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from revloop import Draft

CONTEXT_TOKENS = 4096

_DEADLINES = Deadlines(answer_s=3600)
"""All ways ask at once, so an answer takes long; one that is given up would be generated twice."""


async def revise(drafts: list[Draft], arm: str, **options: Any) -> None:
    """Revise the drafts in one way, into a store."""
    settings = {"checks": checks(message(arm)), **COMMON, **ARMS[arm], **options}
    # what ended stays as it is: a resumed run would try unusable replies again
    left = await anyio.to_thread.run_sync(unfinished, drafts, settings["store"])
    done = arevise_many(left, max_concurrency=MOST_REQUESTS, **settings)
    async for _ in done:
        pass


@contextmanager
def model_address(arguments: Any) -> Iterator[str]:
    """The server that the command line names, or one that is started for a folder."""
    if arguments.base_url is not None:
        yield arguments.base_url
        return
    with served(arguments.model, context_tokens=CONTEXT_TOKENS) as address:
        yield address


async def measure(arguments: Any, address: str, folder: Path) -> dict[str, Any]:
    """Draft, revise in each way, and draw, with each seed."""
    rows = await anyio.to_thread.run_sync(chosen_rows, arguments.data, arguments.prompts)
    engine = await HttpEngine.connect(address, deadlines=_DEADLINES)
    try:
        async with task_group() as tasks:
            for seed in arguments.seeds:
                tasks.start_soon(partial(_one_seed, rows, seed, engine, arguments, folder))
    finally:
        await engine.aclose()
    counted = (folder, arguments.ways, arguments.seeds, arguments.iterations)
    found = await anyio.to_thread.run_sync(count, *counted, {str(row["key"]) for row in rows})
    return {"model": Path(engine.info.model).name, **found}


async def _one_seed(
    rows: list[dict[str, Any]], seed: int, engine: HttpEngine, arguments: Any, folder: Path
) -> None:
    pool = Pool(folder / drawn_name(LOOP, seed), engine)
    drafts = await first_drafts(rows, pool, sampling_of(seed, 0))
    options = {"iterations": arguments.iterations, "seed": seed, "engine": engine}
    stores = {arm: folder / file_name(arm, seed) for arm in arguments.ways}

    async def loop_and_its_rival(arm: str) -> None:
        await revise(drafts, arm, store=stores[arm], **options)
        counted = (folder, arm, seed, arguments.iterations)
        ended = await anyio.to_thread.run_sync(finished, *counted)
        spent = [sum(ended[str(one.id)].answers.tokens) for one in drafts if str(one.id) in ended]
        drawn = pool if arm == LOOP else Pool(folder / drawn_name(arm, seed), engine)
        await FurtherDrafts(drafts, drawn, seed, RIVALS[arm]).until_spent(sum(spent))

    async with task_group() as tasks:
        for arm, store in stores.items():
            if arm in RIVALS:
                tasks.start_soon(loop_and_its_rival, arm)
            else:
                tasks.start_soon(partial(revise, drafts, arm, store=store, **options))


def main() -> None:
    """Measure the ways that the command line names."""
    parser = command_parser(__doc__)
    add_data_option(parser, "the file ifeval/prompts.jsonl")
    server = parser.add_mutually_exclusive_group(required=True)
    server.add_argument("--base-url", help="the server")
    server.add_argument("--model", type=Path, help="a model's folder, to be served")
    parser.add_argument("--prompts", type=int, help="a random sample of so many prompts")
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--ways", nargs="+", default=list(ARMS), choices=ARMS)
    parser.add_argument("--keep", type=Path, help="folder for drafts and stores")
    arguments = parser.parse_args()
    refuse_without_loop(parser, arguments.ways)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        with model_address(arguments) as address:
            found = anyio.run(measure, arguments, address, folder)
    show(found)


if __name__ == "__main__":
    main()
