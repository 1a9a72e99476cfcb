r"""IFEval with its verifiers as checks: how many prompts are followed, round by round.

    python -m benchmarks.ifeval --data FOLDER --base-url URL [--prompts N] [--keep FOLDER]

A model answers the prompts of IFEval and revises its answers, in each of these ways: with the
messages of failed verifiers as the critique; the same behind a gate of checks; with a critique of
its own that is told of them; with one that is not told, so that checks only end the rounds; and
without checks. All share the answers, the prompt set `chat-plain` and the sampling. Accuracy is
strict, by the verifiers of the package `lm-eval` (`pip install 'lm-eval[ifeval]'`). Writes
`benchmarks/results/ifeval.json` and prints a table. With --keep, answers and stores stay in a
folder, and the same command resumes.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import anyio

from benchmarks.arguments import add_data_option, command_parser
from benchmarks.ifeval.verifying import ARGUMENTS, IDS, checks, verified
from benchmarks.saving import save
from revloop import Draft
from revloop.batch import arevise_many
from revloop.concurrency import task_group
from revloop.engines import HttpEngine, Request
from revloop.evaluation.figures import sign_test, wilson_interval
from revloop.trajectory import Message, Sampling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop import Trajectory

NAME = "ifeval"
ANSWER_TOKENS = 512
AT_ONCE = 32
COMMON: dict[str, Any] = {
    "prompts": "chat-plain",
    "temperature": 0.7,
    # a revision may have to be shorter, or to lose a list, to follow its prompt
    "no_guards": ["too_short", "lost_list", "lost_numbers", "about_itself"],
}
CONDITIONS: dict[str, dict[str, Any]] = {
    "checks": {"critique": "checks"},
    "checks, gate": {"critique": "checks", "keep": "gate"},
    "own critique, told": {},
    "own critique, not told": {"critique": "blind"},
    "own critique, no checks": {"checks": []},
}


async def answers(rows: Sequence[dict[str, Any]], engine: HttpEngine) -> list[str]:
    """The model's answers, at temperature 0."""
    found: dict[int, str] = {}
    limiter = anyio.CapacityLimiter(AT_ONCE)

    async def one(number: int, prompt: str) -> None:
        async with limiter:
            asked = Request(
                prompt=(Message(role="user", content=prompt),),
                sampling=Sampling(temperature=0.0, seed=0),
                max_tokens=ANSWER_TOKENS,
            )
            found[number] = (await engine.generate(asked)).text.strip() or "(no answer)"

    async with task_group() as tasks:
        for number, row in enumerate(rows):
            tasks.start_soon(one, number, row["prompt"])
    return [found[number] for number in range(len(rows))]


async def drafts_of(rows: Sequence[dict[str, Any]], engine: HttpEngine, file: Path) -> list[Draft]:
    """The prompts with the model's answers, from a file if they were asked for before."""
    kept = await anyio.to_thread.run_sync(_read, file)
    if kept is None:
        texts = await answers(rows, engine)
        kept = [
            Draft(
                id=row["key"],
                prompt=row["prompt"],
                response=text,
                extra={name: row[name] for name in (IDS, ARGUMENTS)},
            )
            for row, text in zip(rows, texts, strict=True)
        ]
        lines = "".join(draft.model_dump_json() + "\n" for draft in kept)
        await anyio.Path(file).write_text(lines, encoding="utf-8")
    return kept


def _read(file: Path) -> list[Draft] | None:
    if not file.exists():
        return None
    return [Draft.model_validate_json(line) for line in file.read_text("utf-8").splitlines()]


def share(part: int, whole: int) -> dict[str, float]:
    """A share with its 95% interval (Wilson)."""
    interval = wilson_interval(part, whole)
    values = {"share": part / whole, "low": interval.low, "high": interval.high}
    return {name: round(value, 4) for name, value in values.items()}


def figures(trajectories: Sequence[Trajectory], iterations: int) -> dict[str, Any]:
    """Strict accuracy by round; a trajectory that ended early keeps its last version."""
    by_round, fixed, broken = list[dict[str, Any]](), 0, 0
    first: list[bool] = []
    for number in range(iterations + 1):
        followed = [_followed(trajectory, number) for trajectory in trajectories]
        prompts = [all(one) for one in followed]
        first = first or prompts
        fixed = sum(now and not before for before, now in zip(first, prompts, strict=True))
        broken = sum(before and not now for before, now in zip(first, prompts, strict=True))
        p = sign_test(dict(enumerate(first)), dict(enumerate(prompts)))
        instructions = [one for several in followed for one in several]
        by_round.append(
            {
                "round": number,
                "prompts": share(sum(prompts), len(prompts)),
                "instructions": share(sum(instructions), len(instructions)),
                "fixed": fixed,
                "broken": broken,
                "mcnemar_p": 1.0 if p is None else p,
            }
        )
    tokens = sum(trajectory.usage.generated_tokens for trajectory in trajectories)
    solved = fixed - broken
    return {
        "rounds": by_round,
        "generated_tokens": tokens,
        "tokens_a_prompt_gained": round(tokens / solved) if solved > 0 else None,
        "ends": dict(Counter(one.end.reason.value for one in trajectories if one.end)),
    }


def _followed(trajectory: Trajectory, rounds: int) -> list[bool]:
    version = trajectory.versions[trajectory.kept_after(min(rounds, trajectory.rounds))]
    draft = trajectory.draft
    return verified(draft.extra, draft.prompt_text, version.text)


def table(conditions: dict[str, dict[str, Any]]) -> str:
    """Prompts followed by round, with intervals, as a Markdown table."""
    lines = [f"| round | {' | '.join(conditions)} |", "| ---: |" + " ---: |" * len(conditions)]
    for rows in zip(*(one["rounds"] for one in conditions.values()), strict=True):
        cells = [
            f"{row['prompts']['share']:.1%} ({row['prompts']['low']:.1%} to "
            f"{row['prompts']['high']:.1%}), {row['fixed']} fixed, {row['broken']} broken"
            for row in rows
        ]
        lines.append(f"| {rows[0]['round']} | {' | '.join(cells)} |")
    return "\n".join(lines)


async def measure(arguments: Any, folder: Path) -> dict[str, Any]:
    """Answer the prompts, and revise the answers in each way."""
    lines = (arguments.data / "ifeval" / "prompts.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    if arguments.prompts is not None:
        rows = Random(0).sample(rows, arguments.prompts)
    engine = await HttpEngine.connect(arguments.base_url)
    try:
        drafts = await drafts_of(rows, engine, folder / "drafts.jsonl")
        found = {}
        for name in arguments.conditions:
            options = {"checks": checks(), **COMMON, **CONDITIONS[name]}
            store = folder / f"{name.replace(', ', '-').replace(' ', '-')}.sqlite"
            done = arevise_many(
                drafts, iterations=arguments.iterations, engine=engine, store=store, **options
            )
            found[name] = figures([one async for one in done], arguments.iterations)
            print(table({name: found[name]}), flush=True)
    finally:
        await engine.aclose()
    return {"model": engine.info.model, "prompts": len(rows), "conditions": found}


def main() -> None:
    """Measure the ways that the command line names."""
    parser = command_parser(__doc__)
    add_data_option(parser, "the file ifeval/prompts.jsonl")
    parser.add_argument("--base-url", required=True, help="the server")
    parser.add_argument("--prompts", type=int, help="a random sample of so many prompts")
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--conditions", nargs="+", default=list(CONDITIONS), choices=CONDITIONS)
    parser.add_argument("--keep", type=Path, help="folder for answers and stores")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found = anyio.run(measure, arguments, folder)
    save(NAME, found)
    print(table(found["conditions"]))


if __name__ == "__main__":
    main()
