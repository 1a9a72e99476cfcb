r"""IFEval: how many prompts are followed, by round, and at how many tokens.

    python -m benchmarks.ifeval --data FOLDER --model FOLDER [--prompts N] [--keep FOLDER]

A model answers the prompts of IFEval and revises its answers, in each of these ways: with the
messages of failed verifiers as the critique; the same behind a gate of checks; with a critique of
its own that is told of them (and the same without stopping once all pass); with one that is not
told, so that checks only end the rounds; and without checks. Against them: the best of N drafts,
at the tokens that the first way spent, chosen by the verifiers, by the words that the drafts share,
or at random. All have the first draft, the sampling and the token limit in common, and run at the
same time, which keeps the server busy. Accuracy is strict, by the verifiers of the package
`lm-eval` (`pip install 'lm-eval[ifeval]'`). Writes `benchmarks/results/ifeval.json` and a plot,
and prints a table. With --keep, drafts and stores stay in a folder, and the same command resumes,
also with more prompts.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import anyio

from benchmarks.arguments import add_data_option, command_parser
from benchmarks.ifeval.arms import ARMS, COMMON, LOOP, file_name
from benchmarks.ifeval.counting import (
    Answers,
    at_random,
    best_of,
    by_consensus,
    by_verifiers,
    figures,
)
from benchmarks.ifeval.drafting import FurtherDrafts, Pool, first_drafts
from benchmarks.ifeval.showing import plot, table
from benchmarks.ifeval.verifying import checks, verified
from benchmarks.saving import FOLDER, save
from revloop.batch import arevise_many
from revloop.concurrency import task_group
from revloop.engines import HttpEngine
from revloop.serving import ServerOptions, VllmServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from revloop import Draft, Trajectory

NAME = "ifeval"
MOST_REQUESTS = 128


class Run:
    """One seed of all ways, in a folder.

    Args:
        folder: Where drafts and stores are.
        engine: The model.
        drafts: The first draft of every prompt.
        iterations: Rounds.
        seed: The seed of revisions and of further drafts.
    """

    def __init__(
        self, folder: Path, engine: HttpEngine, drafts: list[Draft], iterations: int, seed: int
    ) -> None:
        self._folder = folder
        self._engine = engine
        self._drafts = drafts
        self._iterations = iterations
        self._seed = seed
        self.further = FurtherDrafts(drafts, Pool(folder / f"drawn-seed{seed}.jsonl", engine), seed)
        self.found: dict[str, Any] = {}

    async def revise(self, arm: str) -> None:
        """Revise the drafts in one way."""
        options = {"checks": checks(), **COMMON, **ARMS[arm], "seed": self._seed}
        done = arevise_many(
            self._drafts,
            iterations=self._iterations,
            max_concurrency=MOST_REQUESTS,
            engine=self._engine,
            store=self._folder / file_name(arm, self._seed),
            **options,
        )
        trajectories = [one async for one in done]
        ends = Counter(one.end.reason.value for one in trajectories if one.end)
        answers = [answers_of(one, self._iterations) for one in trajectories]
        self.found[arm] = figures(answers) | {"ends": dict(ends)}

    async def draw(self) -> None:
        """The best of N drafts, at the tokens of the loop."""
        budgets = [row["generated_tokens"] for row in self.found[LOOP]["rounds"][1:]]
        pools = await self.further.until_spent(budgets[-1])
        for name, choose, stop in (
            ("best of N, verifiers, stopped", by_verifiers, True),
            ("best of N, verifiers", by_verifiers, False),
            ("best of N, consensus", by_consensus, False),
        ):
            self.found[name] = figures(best_of(pools, budgets, choose, stop_verified=stop))
        self.found["best of N, consensus"]["at_random"] = at_random(pools, budgets[-1])


def answers_of(trajectory: Trajectory, iterations: int) -> Answers:
    """What a trajectory followed and spent; one that ended early keeps its last version."""
    draft = trajectory.draft
    texts = [
        trajectory.versions[trajectory.kept_after(min(number, trajectory.rounds))].text
        for number in range(iterations + 1)
    ]
    known = {text: tuple(verified(draft.extra, draft.prompt_text, text)) for text in set(texts)}
    steps = [*(version.steps for version in trajectory.versions)]
    if trajectory.end is not None:
        steps.append(trajectory.end.steps)
    steps += [()] * (iterations + 1 - len(steps))
    tokens = [sum(step.usage.generated_tokens for step in some) for some in steps]
    return Answers(tuple(known[text] for text in texts), tuple(tokens[: iterations + 1]))


@contextmanager
def model_address(arguments: Any) -> Iterator[str]:
    """The server that the command line names, or one that is started for a folder."""
    if arguments.base_url is not None:
        yield arguments.base_url
        return
    options = ServerOptions(
        model=str(arguments.model),
        served_model_name="smollm2",
        vllm_options=("--max-model-len", "4096"),
    )
    with VllmServer(options) as server:
        yield server.base_url


def chosen_rows(lines: Sequence[str], prompts: int | None) -> list[dict[str, Any]]:
    """So many rows, at random; the sample of more prompts begins with that of fewer."""
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return Random(0).sample(rows, len(rows))[:prompts]


async def measure(arguments: Any, address: str, folder: Path) -> dict[str, Any]:
    """Draft, revise in each way, and draw, with each seed."""
    text = await anyio.Path(arguments.data / "ifeval" / "prompts.jsonl").read_text("utf-8")
    rows = chosen_rows(text.splitlines(), arguments.prompts)
    engine = await HttpEngine.connect(address)
    try:
        drafts = await first_drafts(rows, Pool(folder / "drafts.jsonl", engine))
        runs = {
            seed: Run(folder, engine, drafts, arguments.iterations, seed)
            for seed in arguments.seeds
        }
        async with task_group() as tasks:
            for run in runs.values():
                for arm in arguments.ways:
                    tasks.start_soon(run.revise, arm)
                if LOOP in arguments.ways:
                    tasks.start_soon(run.further.ahead)
        if LOOP in arguments.ways:
            async with task_group() as tasks:
                for run in runs.values():
                    tasks.start_soon(run.draw)
    finally:
        await engine.aclose()
    found = {str(seed): dict(sorted(run.found.items())) for seed, run in runs.items()}
    return {"model": engine.info.model, "prompts": len(rows), "seeds": found}


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
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        with model_address(arguments) as address:
            found = anyio.run(measure, arguments, address, folder)
    save(NAME, found)
    plot(found["seeds"], FOLDER / f"{NAME}.png")
    print(table(found["seeds"]))


if __name__ == "__main__":
    main()
