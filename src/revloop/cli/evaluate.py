"""``revloop evaluate``: the effect of each round, by stored verdicts and by judges."""

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
            help=f"Who compares: {HOW_TO_NAME_A_JUDGE}. Repeat it for several judges "
            "and their agreement. Default: the judges whose verdicts the store holds.",
            metavar="JUDGE",
        ),
    ] = None,
    judge_prompts: PromptsOfJudges = DEFAULT_JUDGE_PROMPTS,
    against: Annotated[
        Compared, typer.Option(help="Version to compare each round with.")
    ] = Compared.ORIGINAL,
    by: By = None,
    rounds: RoundsTold = None,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Concurrent requests to a judge.")
    ] = DEFAULT_CONCURRENCY,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
    csv: Annotated[
        Path | None, typer.Option(help="Also write all figures to this CSV file.", metavar="PATH")
    ] = None,
    force: Force = False,
) -> None:
    """Measure each round: win rate, harm and length, with confidence intervals.

    Verdicts are kept in the store: a second call asks no judge again, and an interrupted one
    resumes.
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
            f"{contents.failed} failed in round 1 and {contents.unfinished} are unfinished."
        )
    with ExitStack() as opened:
        # opened before the work, so that an unusable path is reported first
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
    """Collect the verdicts of each judge in turn; verdicts of people are stored already."""
    stored = stored_judges(store)
    if not specs and not stored:
        raise InputError(f"{store} holds no verdicts yet. Add --judge: {HOW_TO_NAME_A_JUDGE}.")
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
    unreadable = f" ({asked.unreadable} unreadable)" if asked.unreadable else ""
    output.say(
        f"{judge.info.name}: {asked.new} new verdicts{unreadable}, {asked.stored} were stored."
    )
    return judge.info
