"""Count what a kept folder holds, without a server.

    python -m benchmarks.ifeval.stored FOLDER --data FOLDER [--prompts N] [--ways WAY ...]

Counts the prompts that each way has finished, writes the results and the plot, and prints the
tables: for a run that was stopped. Of a way that was stopped, the prompts with short answers are
finished first: let it finish fewer (`--prompts`) rather than count such a sample.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.arguments import add_data_option, command_parser
from benchmarks.ifeval.arms import ARMS, LOOP, SHORT, TOKEN_LIMIT, drawn_name, file_name
from benchmarks.ifeval.counting import (
    Answers,
    Drawn,
    at_random,
    best_of,
    by_consensus,
    by_verifiers,
    figures,
    refused_if_cut,
    share,
    spent_by_round,
)
from benchmarks.ifeval.gains import by_instruction, compared, difference
from benchmarks.ifeval.prompts import chosen_rows
from benchmarks.ifeval.showing import gains_table, plot, rounds_table, table
from benchmarks.ifeval.verifying import IDS, judged, verified
from benchmarks.saving import FOLDER, save
from revloop import Store

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from revloop import Draft, Trajectory

NAME = "ifeval"

Drafts = dict[tuple[str, int], tuple[str, int]]
"""Text and tokens of drafts, by prompt and number."""


class Finished(NamedTuple):
    """A trajectory that ended.

    Attributes:
        draft: Its draft.
        answers: Its answers.
        reason: Why it ended.
        cut_tokens: Tokens of replies that were refused because they reached their limit.
    """

    draft: Draft
    answers: Answers
    reason: str
    cut_tokens: int


def finished(folder: Path, arm: str, seed: int, iterations: int) -> dict[str, Finished]:
    """The finished trajectories of one way, by the id of their prompt."""
    with Store.open_to_read(folder / file_name(arm, seed)) as store:
        ended = [(one, one.end) for one in store.contents() if one.end is not None]
    return {
        str(one.draft.id): Finished(
            one.draft, answers_of(one, iterations), end.reason.value, _cut_tokens(one)
        )
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


def _cut_tokens(trajectory: Trajectory) -> int:
    steps = [step for version in trajectory.versions for step in version.steps]
    steps += [] if trajectory.end is None else trajectory.end.steps
    return sum(
        step.usage.generated_tokens
        for step in steps
        if step.refusal is not None and step.finish_reason == "length"
    )


def count(
    folder: Path,
    ways: Sequence[str],
    seeds: Sequence[int],
    iterations: int,
    among: Collection[str],
) -> dict[str, Any]:
    """The figures of some ways and of the best of N.

    Each way is counted over the prompts that it has finished with all seeds, and so is the best of
    N at its tokens.

    Args:
        folder: Where drafts and stores are.
        ways: The ways, with that whose tokens the best of N may spend.
        seeds: Their seeds.
        iterations: Rounds.
        among: The ids of the prompts to count; the folder may hold others.
    """
    ended = {way: {seed: finished(folder, way, seed, iterations) for seed in seeds} for way in ways}
    drawn = {seed: read_drawn(folder / drawn_name(LOOP, seed)) for seed in seeds}
    found = {way: _with_seeds(several, drawn, among) for way, several in ended.items()}
    by_seed = {
        str(seed): {
            **{way: _figures(both[place]) for way, both in found.items()},
            **_best_of_n(found[LOOP][place]),
        }
        for place, seed in enumerate(seeds)
    }
    gains = {way: _gains(both) for way, both in found.items()}
    files = {seed: folder / drawn_name(SHORT, seed) for seed in seeds}
    if SHORT in ways and all(file.exists() for file in files.values()):
        short = {seed: read_drawn(file) for seed, file in files.items()}
        both = _with_seeds(ended[SHORT], short, among)
        gains[f"{SHORT}, against short drafts"] = _gains(both)
        for one, figures_of in zip(both, by_seed.values(), strict=True):
            figures_of["best of N, short, verifiers, stopped"] = figures(one.rival)
    return {"gains": gains, "instructions": _instructions(found[LOOP]), "seeds": by_seed}


class OneSeed(NamedTuple):
    """A way with one seed, and the best of N drafts at the same tokens.

    Attributes:
        ended: What it finished.
        pools: The drafts of each prompt.
        rival: The best of them, chosen by the verifiers.
        strict_rival: The same, where drafts that ran to the limit are refused, as a way's are.
    """

    ended: list[Finished]
    pools: list[list[Drawn]]
    rival: list[Answers]
    strict_rival: list[Answers]

    @property
    def answers(self) -> list[Answers]:
        """The answers in the way."""
        return [one.answers for one in self.ended]


def _with_seeds(
    found: Mapping[int, Mapping[str, Finished]], drawn: Mapping[int, Drafts], among: Collection[str]
) -> list[OneSeed]:
    common = sorted(set(among).intersection(*found.values()))
    seeds = []
    for seed, by_prompt in found.items():
        ended = [by_prompt[prompt] for prompt in common]
        pools = pools_of([one.draft for one in ended], drawn[seed])
        budgets = spent_by_round([one.answers for one in ended])
        whole = [refused_if_cut(pool, TOKEN_LIMIT) for pool in pools]
        rivals = [
            best_of(some, budgets, by_verifiers, stop_verified=True) for some in (pools, whole)
        ]
        seeds.append(OneSeed(ended, pools, *rivals))
    return seeds


def _figures(one: OneSeed) -> dict[str, Any]:
    """The figures of a way with one seed, and of the best of N beside it."""
    solved = _solved(one.rival)
    rival = {
        "prompts": share(sum(solved.values()), len(solved)),
        "generated_tokens": sum(sum(row.tokens) for row in one.rival),
        **compared(solved, _solved(one.answers)),
    }
    reasons = Counter(ended.reason for ended in one.ended)
    cut_tokens = sum(ended.cut_tokens for ended in one.ended)
    found = {**figures(one.answers), "cut_tokens": cut_tokens}
    return {**found, "ends": dict(reasons), "best_of_n": rival}


def _gains(seeds: Sequence[OneSeed]) -> dict[str, Any]:
    """How many prompts more a way solves than its drafts, and than the best of N."""
    ended = [_solved(one.answers) for one in seeds]
    rounds = range(1, len(seeds[0].ended[0].answers.followed))
    return {
        "over_draft": difference([_solved(one.answers, 0) for one in seeds], ended),
        "over_best_of_n": difference([_solved(one.rival) for one in seeds], ended),
        "over_best_of_n_uncut": difference([_solved(one.strict_rival) for one in seeds], ended),
        "over_best_of_n_by_round": [
            difference(
                [_solved(one.rival, number) for one in seeds],
                [_solved(one.answers, number) for one in seeds],
            )
            for number in rounds
        ],
    }


def _solved(answers: Sequence[Answers], number: int = -1) -> dict[str, bool]:
    return {str(place): all(one.followed[number]) for place, one in enumerate(answers)}


def _instructions(seeds: Sequence[OneSeed]) -> dict[str, dict[str, int]]:
    kinds = [ended.draft.extra[IDS] for one in seeds for ended in one.ended]
    answers = [answer for one in seeds for answer in one.answers]
    return by_instruction(kinds, answers, [answer for one in seeds for answer in one.rival])


def _best_of_n(one: OneSeed) -> dict[str, Any]:
    """The best of N drafts, at the tokens of each round of a way."""
    budgets = spent_by_round(one.answers)
    found = {
        name: figures(best_of(one.pools, budgets, choose, stop_verified=stop))
        for name, choose, stop in (
            ("best of N, verifiers, stopped", by_verifiers, True),
            ("best of N, verifiers", by_verifiers, False),
            ("best of N, consensus", by_consensus, False),
        )
    }
    found["best of N, consensus"]["at_random"] = round(at_random(one.pools, budgets[-1]), 4)
    return found


def read_drawn(file: Path) -> Drafts:
    """The drafts in a file."""
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    return {(str(row["id"]), row["number"]): (row["text"], row["tokens"]) for row in rows}


def pools_of(drafts: Iterable[Draft], drawn: Drafts) -> list[list[Drawn]]:
    """For each prompt the first draft, which costs nothing here, and the drawn ones in turn."""
    pools = []
    for draft in drafts:
        pool = [judged(draft, draft.response, 0)]
        while (text_and_tokens := drawn.get((str(draft.id), len(pool)))) is not None:
            pool.append(judged(draft, *text_and_tokens))
        pools.append(pool)
    return pools


def show(found: dict[str, Any]) -> None:
    """Write the results and the plot, and print the tables."""
    save(NAME, found)
    plot(found["seeds"], FOLDER / f"{NAME}.png")
    seeds = found["seeds"]
    print(gains_table(found["gains"]), table(seeds), rounds_table(seeds), sep="\n\n")


def refuse_without_loop(parser: ArgumentParser, ways: Sequence[str]) -> None:
    """End with an error if the ways lack the one that the best of N is measured by."""
    if LOOP not in ways:
        parser.error(f"--ways must name {LOOP!r}: the best of N may spend its tokens")


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
    refuse_without_loop(parser, chosen.ways)
    among = {str(row["key"]) for row in chosen_rows(chosen.data, chosen.prompts)}
    show(count(chosen.folder, chosen.ways, chosen.seeds, chosen.iterations, among))


if __name__ == "__main__":
    main()
