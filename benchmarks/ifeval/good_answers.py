"""What prompt sets do to good answers: how many they change, and how many they break.

    python -m benchmarks.ifeval.good_answers ANSWERS --data FOLDER --model FOLDER

ANSWERS has answers of any model to prompts of IFEval: JSONL with `key` and `response`. Taken are
those that follow every instruction of their prompts: the shortest ones, at most two of a prompt.
Each set revises them for one round, all with the same sampling and limits and with its own guards.
An answer is broken if its text no longer follows an instruction by IFEval's verifiers. Writes
`benchmarks/results/good-answers.json`.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio

from benchmarks.arguments import add_data_option, command_parser
from benchmarks.ifeval.arms import SAMPLING
from benchmarks.ifeval.counting import share
from benchmarks.ifeval.prompts import chosen_rows
from benchmarks.ifeval.verifying import ARGUMENTS, IDS, verified
from benchmarks.saving import save
from benchmarks.serving import MOST_REQUESTS, served
from revloop import Draft
from revloop.batch import arevise_many
from revloop.concurrency import task_group
from revloop.evaluation.figures import sign_test
from revloop.trajectory import StopReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from revloop import Trajectory

NAME = "good-answers"
SETS = ("chat", "chat-verify", "chat-plain")
OF_A_PROMPT = 2
CONTEXT_TOKENS = 4096
LIMITS: dict[str, Any] = {"critique_max_tokens": 160, "revision_max_tokens": 320, "tries": 3}


class Answer(NamedTuple):
    """What became of a good answer.

    Attributes:
        is_changed: Whether its text is another one.
        is_broken: Whether that no longer follows its prompt.
        reason: Why the trajectory ended.
        tokens: Generated.
    """

    is_changed: bool
    is_broken: bool
    reason: StopReason | None
    tokens: int


def good_answers(answers: Path, data: Path, number: int) -> list[Draft]:
    """Answers that follow their prompts: the shortest ones, at most two of a prompt."""
    rows = {str(row["key"]): row for row in chosen_rows(data, None)}
    texts: dict[str, set[str]] = {}
    for line in answers.read_text("utf-8").splitlines():
        answer = json.loads(line)
        key, text = str(answer["key"]), answer["response"]
        if all(verified(rows[key], rows[key]["prompt"], text)):
            texts.setdefault(key, set()).add(text)
    chosen = [
        Draft(
            id=f"{key}-{place}",
            prompt=rows[key]["prompt"],
            response=text,
            extra={name: rows[key][name] for name in (IDS, ARGUMENTS)},
        )
        for key, good in texts.items()
        for place, text in enumerate(sorted(good, key=lambda one: (len(one), one))[:OF_A_PROMPT])
    ]
    return sorted(chosen, key=lambda one: (len(one.response), str(one.id)))[:number]


def answer_of(trajectory: Trajectory) -> Answer:
    """What became of a good answer; a trajectory that failed keeps it."""
    draft, end = trajectory.draft, trajectory.end
    is_changed = trajectory.final != draft.response
    steps = [step for version in trajectory.versions for step in version.steps]
    steps += () if end is None else end.steps
    return Answer(
        is_changed=is_changed,
        is_broken=is_changed
        and not all(verified(draft.extra, draft.prompt_text, trajectory.final)),
        reason=None if end is None else end.reason,
        tokens=sum(step.usage.generated_tokens for step in steps),
    )


def figures(answers: Sequence[Answer]) -> dict[str, Any]:
    """Shares of the answers, with their 95% intervals, and tokens an answer."""
    number = len(answers)

    def counted(which: Iterable[bool]) -> dict[str, Any]:
        count = sum(which)
        return {"count": count, **share(count, number)}

    return {
        "answers": number,
        "changed": counted(one.is_changed for one in answers),
        "broken": counted(one.is_broken for one in answers),
        "no_change_wanted": counted(one.reason is StopReason.NOTHING_TO_IMPROVE for one in answers),
        "failed": counted(one.reason is not None and one.reason.is_failure for one in answers),
        "tokens_an_answer": round(sum(one.tokens for one in answers) / number, 1),
    }


def compared(before: Sequence[Answer], after: Sequence[Answer]) -> float | None:
    """McNemar's exact test of the answers that two sets break, answer by answer."""
    scores = [{n: float(one.is_broken) for n, one in enumerate(some)} for some in (before, after)]
    return sign_test(*scores)


async def revised(drafts: Sequence[Draft], prompts: str, seed: int, address: str) -> list[Answer]:
    """One round of a prompt set, in the order of the drafts."""
    done: dict[str, Answer] = {}
    async for one in arevise_many(
        list(drafts),
        iterations=1,
        prompts=prompts,
        base_url=address,
        seed=seed,
        max_concurrency=MOST_REQUESTS,
        **LIMITS,
        **SAMPLING,
    ):
        done[str(one.draft.id)] = answer_of(one)
    return [done[str(draft.id)] for draft in drafts]


async def measure(drafts: Sequence[Draft], seed: int, address: str) -> dict[str, Any]:
    """All sets at the same time."""
    found: dict[str, list[Answer]] = {}

    async def one(prompts: str) -> None:
        found[prompts] = await revised(drafts, prompts, seed, address)

    async with task_group() as tasks:
        for prompts in SETS:
            tasks.start_soon(one, prompts)
    verifying = found["chat-verify"]
    return {
        "seed": seed,
        "prompts": len({draft.prompt for draft in drafts}),
        "sets": {prompts: figures(found[prompts]) for prompts in SETS},
        "p_broken_against_chat_verify": {
            prompts: compared(verifying, found[prompts]) for prompts in SETS
        },
    }


def main() -> None:
    """The command line."""
    parser = command_parser(__doc__)
    parser.add_argument("answers", type=Path, help="JSONL with key and response")
    add_data_option(parser, "ifeval/prompts.jsonl")
    parser.add_argument("--model", type=Path, required=True, help="folder of the model")
    parser.add_argument("--base-url", help="a server of the model, instead of one of its own")
    parser.add_argument("--most", type=int, default=60, help="answers to revise")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    drafts = good_answers(options.answers, options.data, options.most)
    if options.base_url is not None:
        found = anyio.run(measure, drafts, options.seed, options.base_url)
    else:
        with tempfile.TemporaryDirectory(prefix="revloop-good-") as folder:
            log = Path(folder) / "vllm.log"
            with served(options.model, context_tokens=CONTEXT_TOKENS, log_path=log) as address:
                found = anyio.run(measure, drafts, options.seed, address)
    save(NAME, {"model": options.model.name, **found})


if __name__ == "__main__":
    main()
