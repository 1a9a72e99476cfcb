"""``revloop evaluate``: what each round did, by stored verdicts and judges that are asked now."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio
import typer

from revloop.cli import output
from revloop.cli.compared import (
    By,
    Compared,
    PromptsOfJudges,
    RoundsTold,
    StoreOrShards,
    store_in,
    what_is_read,
)
from revloop.cli.counting import counting
from revloop.cli.figures import print_evaluation
from revloop.cli.files import Force, judges_read, new_file
from revloop.errors import InputError
from revloop.evaluation import (
    DEFAULT_CONCURRENCY,
    Against,
    ask_judge,
    count_questions,
    count_store,
    evaluate,
    open_judge,
    stored_judges,
)
from revloop.evaluation.tables import write_figures
from revloop.files.paths import Writes, check_paths, standard_output
from revloop.options import DEFAULT_JUDGE_PROMPTS, HOW_TO_NAME_A_JUDGE

if TYPE_CHECKING:
    from revloop.trajectory import JudgeInfo

EXAMPLE = "Example: `revloop evaluate versions.sqlite --judge http://127.0.0.1:8000`"


def evaluate_store(
    store: StoreOrShards,
    judge: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Who compares: {HOW_TO_NAME_A_JUDGE}. Several, with an option each, are also "
            "compared with each other. Else: those whose verdicts the store holds.",
            metavar="JUDGE",
        ),
    ] = None,
    judge_prompts: PromptsOfJudges = DEFAULT_JUDGE_PROMPTS,
    against: Annotated[
        Compared, typer.Option(help="What each round is compared with.")
    ] = Compared.ORIGINAL,
    by: By = None,
    rounds: RoundsTold = None,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Questions that a judge is asked at once.")
    ] = DEFAULT_CONCURRENCY,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
    csv: Annotated[
        Path | None, typer.Option(help="Write all figures to this CSV file.", metavar="PATH")
    ] = None,
    force: Force = False,
) -> None:
    """Tell what each round did: win rate, harm, length and how far to trust it.

    Verdicts are stored in the store, so a second call asks for nothing, and one that was
    interrupted goes on.
    """
    check_paths(
        [standard_output() if csv is None else Writes(csv, "the table", may_replace=force)],
        {**what_is_read(store), "the judges' prompts": judge_prompts, **judges_read(judge or [])},
    )
    store = store_in(store)
    contents = count_store(store, by=by)
    told = rounds or contents.rounds
    if not told:
        raise InputError(
            f"{store} holds no round to evaluate: of {contents.trajectories} trajectories, "
            f"{contents.failed} failed before the first, {contents.unfinished} are not finished."
        )
    with ExitStack() as opened:
        # opened first, so that a name that cannot be used is told before the work, not after it
        file = opened.enter_context(new_file(csv, force=force)) if csv else None
        ask = partial(
            ask_all,
            store,
            judge or [],
            prompts=judge_prompts,
            rounds=told,
            against=against.against,
            concurrency=concurrency,
        )
        judges = anyio.run(ask)
        found = evaluate(store, judges, rounds=told, against=against.against, by=by)
        if file is not None:
            write_figures(file, found)
    if as_json:
        output.print_json(found.model_dump_json(indent=2))
    else:
        print_evaluation(found)


async def ask_all(
    store: Path,
    specs: list[str],
    *,
    prompts: str,
    rounds: int,
    against: frozenset[Against],
    concurrency: int,
) -> list[JudgeInfo]:
    """Have each judge give its verdicts, one after the other; those of people are there."""
    stored = stored_judges(store)
    if not specs and not stored:
        raise InputError(f"{store} holds no verdicts yet: add --judge with {HOW_TO_NAME_A_JUDGE}.")
    if not specs:
        return stored
    judges: list[JudgeInfo] = []
    for spec in dict.fromkeys(specs):
        people = [info for info in stored if info.kind == "people" and info.name == spec]
        judges += people or [await _ask(store, spec, prompts, rounds, against, concurrency)]
    return judges


async def _ask(
    store: Path,
    spec: str,
    prompts: str,
    rounds: int,
    against: frozenset[Against],
    concurrency: int,
) -> JudgeInfo:
    total = count_questions(store, rounds=rounds, against=against)
    with counting(f"verdicts of {spec}", total) as tell:
        judge = await open_judge(spec, prompts=prompts)
        try:
            asked = await ask_judge(
                store,
                judge,
                rounds=rounds,
                against=against,
                concurrency=concurrency,
                on_verdict=lambda asked: tell(asked.new, asked.stored),
            )
        finally:
            await judge.aclose()
    unreadable = f", {asked.unreadable} of them could not be read" if asked.unreadable else ""
    output.say(
        f"{judge.info.name}: {asked.new} new verdicts{unreadable}, {asked.stored} were stored."
    )
    return judge.info
