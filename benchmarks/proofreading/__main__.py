r"""A proofreader for anyone's English: records to train it on, and what it fixes and breaks.

    python -m benchmarks.proofreading records FILE [--count N] [--seed N]
    python -m benchmarks.proofreading measure --base-url URL [--texts N] [--seed N]

`records` writes feedback records for `revloop finetune --prompts benchmarks/proofreading/prompts`:
texts from `passages.txt`, two thirds of them with mistakes that a program put in. `measure` lets
the model of a server proofread texts from passages that no record comes from, in one round, and
counts the mistakes that it fixed, by kind, and the texts in which it changed anything else. Writes
`benchmarks/results/proofreading.json` and prints a table.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from benchmarks.arguments import command_parser
from benchmarks.proofreading.counting import Outcome, outcome_of
from benchmarks.proofreading.examples import Example, examples, records
from benchmarks.saving import save
from revloop import Draft
from revloop.batch import arevise_many
from revloop.evaluation.figures import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop import Trajectory

NAME = "proofreading"
PROMPTS = Path(__file__).with_name("prompts")
OPTIONS: dict[str, Any] = {
    "prompts": str(PROMPTS),
    "iterations": 1,
    "single_pass": True,
    "on_bad_edits": "fail",
}


def write_records(file: Path, *, count: int, seed: int) -> None:
    """Write feedback records, one a line."""
    lines = [
        record.model_dump_json(exclude_none=True) + "\n" for record in records(count, seed=seed)
    ]
    file.write_text("".join(lines), encoding="utf-8")
    print(f"{file}: {count} records")


async def proofread(drawn: Sequence[Example], base_url: str) -> dict[str, Trajectory]:
    """Let a server's model proofread texts, in one round; by id."""
    drafts = [Draft(id=f"{at:04}", response=one.text) for at, one in enumerate(drawn)]
    done = arevise_many(drafts, base_url=base_url, **OPTIONS)
    return {str(one.draft.id): one async for one in done}


def figures(drawn: Sequence[Example], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Shares of mistakes fixed and of texts with something else changed, with 95% intervals."""
    fixed = Counter(mistake.kind for one in outcomes for mistake in one.fixed)
    left = Counter(mistake.kind for one in outcomes for mistake in one.left)
    harmed = [one.introduced > 0 for one in outcomes]
    good = [harm for harm, example in zip(harmed, drawn, strict=True) if not example.mistakes]
    return {
        "fixed": _share(fixed.total(), (fixed + left).total()),
        "fixed_by_kind": {
            kind: _share(fixed[kind], n) for kind, n in sorted((fixed + left).items())
        },
        "texts_with_something_introduced": _share(sum(harmed), len(harmed)),
        "good_texts_changed": _share(sum(good), len(good)),
    }


def table(found: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    kinds = {f"- {kind}": share for kind, share in found["fixed_by_kind"].items()}
    rows = {
        "mistakes fixed": found["fixed"],
        **kinds,
        "texts with something introduced": found["texts_with_something_introduced"],
        "good texts changed": found["good_texts_changed"],
    }
    lines = [
        f"| {name} | {one['share']:.1%} of {one['of']} ({one['low']:.1%} to {one['high']:.1%}) |"
        for name, one in rows.items()
    ]
    return "\n".join(["| | share |", "| --- | ---: |", *lines])


def _share(part: int, whole: int) -> dict[str, float]:
    interval = wilson_interval(part, whole)
    values = {"share": part / whole, "low": interval.low, "high": interval.high}
    return {"of": whole, **{name: round(value, 4) for name, value in values.items()}}


def measure(base_url: str, *, texts: int, seed: int) -> None:
    """Measure the model of a server."""
    drawn = list(examples(texts, seed=seed, held_out=True))
    done = anyio.run(proofread, drawn, base_url)
    outcomes = [outcome_of(one, done[f"{at:04}"].final) for at, one in enumerate(drawn)]
    ends = Counter(one.end.reason.value for one in done.values() if one.end)
    found = {"texts": texts, "seed": seed, **figures(drawn, outcomes), "ends": dict(ends)}
    save(NAME, found)
    print(table(found))


def main() -> None:
    """Write records, or measure."""
    parser = command_parser(__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    writing = commands.add_parser("records", help="write feedback records")
    writing.add_argument("file", type=Path)
    writing.add_argument("--count", type=int, default=1000)
    measuring = commands.add_parser("measure", help="measure the model of a server")
    measuring.add_argument("--base-url", required=True, help="the server")
    measuring.add_argument("--texts", type=int, default=200)
    for command in (writing, measuring):
        command.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.command == "records":
        write_records(arguments.file, count=arguments.count, seed=arguments.seed)
    else:
        measure(arguments.base_url, texts=arguments.texts, seed=arguments.seed)


if __name__ == "__main__":
    main()
