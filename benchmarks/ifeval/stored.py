"""Count what a kept folder holds, without a server.

    python -m benchmarks.ifeval.stored FOLDER --data FOLDER [--prompts N] [--ways WAY ...]

Counts the prompts that are finished in all the ways named, writes the results and the plot, and
prints the table: for a run that was stopped.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.arguments import add_data_option, command_parser
from benchmarks.ifeval.arms import ARMS, LOOP, file_name
from benchmarks.ifeval.counting import (
    Answers,
    Drawn,
    at_random,
    best_of,
    by_consensus,
    by_verifiers,
    figures,
)
from benchmarks.ifeval.prompts import chosen_rows
from benchmarks.ifeval.showing import plot, table
from benchmarks.ifeval.verifying import judged, verified
from benchmarks.saving import FOLDER, save
from revloop import Store

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from revloop import Draft, Trajectory

NAME = "ifeval"


class Finished(NamedTuple):
    """A trajectory that ended: its draft, its answers, and why it ended."""

    draft: Draft
    answers: Answers
    reason: str


def finished(folder: Path, arm: str, seed: int, iterations: int) -> dict[str, Finished]:
    """The finished trajectories of one way, by the id of their prompt."""
    with Store.open_to_read(folder / file_name(arm, seed)) as store:
        ended = [(one, one.end) for one in store.contents() if one.end is not None]
    return {
        str(one.draft.id): Finished(one.draft, answers_of(one, iterations), end.reason.value)
        for one, end in ended
    }


def answers_of(trajectory: Trajectory, iterations: int) -> Answers:
    """What a trajectory followed and spent; one that ended early keeps its last version."""
    draft = trajectory.draft
    texts = [
        trajectory.versions[trajectory.kept_after(min(number, trajectory.rounds))].text
        for number in range(iterations + 1)
    ]
    known = {text: verified(draft.extra, draft.prompt_text, text) for text in set(texts)}
    steps = [version.steps for version in trajectory.versions]
    steps += [() if trajectory.end is None else trajectory.end.steps, *[()] * iterations]
    tokens = [sum(step.usage.generated_tokens for step in some) for some in steps]
    return Answers(tuple(known[text] for text in texts), tuple(tokens[: iterations + 1]))


def count(
    folder: Path,
    ways: Sequence[str],
    seeds: Sequence[int],
    iterations: int,
    among: Collection[str],
) -> dict[str, Any]:
    """The figures of some ways and of the best of N, over the prompts that all have finished.

    Args:
        folder: Where drafts and stores are.
        ways: The ways.
        seeds: Their seeds.
        iterations: Rounds.
        among: The ids of the prompts to count; the folder may hold others.
    """
    found = {(seed, way): finished(folder, way, seed, iterations) for seed in seeds for way in ways}
    common = sorted(set(among).intersection(*found.values()))
    counted: dict[str, dict[str, Any]] = {str(seed): {} for seed in seeds}
    for (seed, way), some in found.items():
        reasons = Counter(some[prompt].reason for prompt in common)
        values = figures([some[prompt].answers for prompt in common])
        counted[str(seed)][way] = values | {"ends": dict(reasons)}
    for seed in seeds:
        if LOOP in ways:
            drafts = [found[seed, LOOP][prompt].draft for prompt in common]
            pools = read_pools(folder / drawn_name(seed), drafts)
            counted[str(seed)] |= _best_of_n(pools, counted[str(seed)][LOOP]["rounds"])
    return {"prompts": len(common), "seeds": counted}


def _best_of_n(
    pools: Sequence[Sequence[Drawn]], rounds: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The best of N drafts, at the tokens of each round of the loop."""
    budgets = [row["generated_tokens"] for row in rounds[1:]]
    found = {
        name: figures(best_of(pools, budgets, choose, stop_verified=stop))
        for name, choose, stop in (
            ("best of N, verifiers, stopped", by_verifiers, True),
            ("best of N, verifiers", by_verifiers, False),
            ("best of N, consensus", by_consensus, False),
        )
    }
    expected = at_random(pools, budgets[-1])
    found["best of N, consensus"]["at_random"] = round(expected, 4)
    return found


def drawn_name(seed: int) -> str:
    """The name of the file with a seed's further drafts."""
    return f"drawn-seed{seed}.jsonl"


def read_pools(file: Path, drafts: Iterable[Draft]) -> list[list[Drawn]]:
    """For each prompt the first draft, which costs nothing here, and the drawn ones in turn."""
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    drawn = {(row["id"], row["number"]): (row["text"], row["tokens"]) for row in rows}
    pools = []
    for draft in drafts:
        pool = [judged(draft, draft.response, 0)]
        while (text_and_tokens := drawn.get((str(draft.id), len(pool)))) is not None:
            pool.append(judged(draft, *text_and_tokens))
        pools.append(pool)
    return pools


def show(found: dict[str, Any]) -> None:
    """Write the results and the plot, and print the table."""
    save(NAME, found)
    plot(found["seeds"], FOLDER / f"{NAME}.png")
    print(table(found["seeds"]))


def main() -> None:
    """Count a folder."""
    parser = command_parser(__doc__)
    add_data_option(parser, "the file ifeval/prompts.jsonl")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--prompts", type=int, help="as for the run")
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--ways", nargs="+", default=list(ARMS), choices=ARMS)
    chosen = parser.parse_args()
    among = {str(row["key"]) for row in chosen_rows(chosen.data, chosen.prompts)}
    show(count(chosen.folder, chosen.ways, chosen.seeds, chosen.iterations, among))


if __name__ == "__main__":
    main()
