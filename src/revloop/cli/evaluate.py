"""``revloop evaluate``: the effect of each round, by stored verdicts, judges and checks."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio
import typer

from revloop.cli import output
from revloop.cli.counting import counting
from revloop.cli.figures import print_evaluation
from revloop.cli.files import Force, judges_read, new_file
from revloop.cli.generated import with_options
from revloop.cli.stores import StoreOrShards, store_in, what_is_read
from revloop.errors import InputError
from revloop.evaluation import (
    EvaluationOptions,
    ask_judge,
    comparisons,
    count_questions,
    count_store,
    evaluate,
    judge_key_variable,
    open_judge,
    stored_judges,
)
from revloop.evaluation.tables import write_figures
from revloop.evaluation.worth import require_prices
from revloop.files.paths import Writes, check_paths, standard_output
from revloop.options import HOW_TO_NAME_A_JUDGE
from revloop.store import Store

if TYPE_CHECKING:
    from revloop.trajectory import JudgeInfo

EXAMPLE = "Example: `revloop evaluate versions.sqlite --judge http://127.0.0.1:8000`"


@with_options(evaluation=EvaluationOptions)
def evaluate_store(
    store: StoreOrShards,
    evaluation: EvaluationOptions,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
    csv: Annotated[
        Path | None, typer.Option(help="Also write all figures to this CSV file.", metavar="PATH")
    ] = None,
    force: Force = False,
) -> None:
    """Measure each round: win rate, harm, length and checks, with confidence intervals.

    Checks need no judge. Verdicts are kept in the store: a second call asks no judge again, and an
    interrupted one resumes.
    """
    check_paths(
        [standard_output() if csv is None else Writes(csv, "the table", may_replace=force)],
        {**what_is_read(store), **evaluation.paths_read(), **judges_read(evaluation.judge)},
    )
    store, prices = store_in(store), evaluation.read_prices()
    contents = count_store(store, by=evaluation.by)
    rounds = evaluation.rounds or contents.rounds
    if not (rounds or contents.has_checks):
        raise InputError(
            f"{store} holds no round to evaluate: of {contents.trajectories} trajectories, "
            f"{contents.failed} failed in round 1 and {contents.unfinished} are unfinished."
        )
    against = comparisons(evaluation.against)
    with ExitStack() as opened:
        # opened before the work, so that an unusable path is reported first
        file = opened.enter_context(new_file(csv, force=force)) if csv else None
        judges = anyio.run(ask_all, store, evaluation, rounds)
        if not (judges or contents.has_checks or contents.has_criteria):
            raise InputError(f"{store} holds no verdicts yet. Add --judge: {HOW_TO_NAME_A_JUDGE}.")
        found = evaluate(
            store, judges, rounds=rounds, against=against, by=evaluation.by, prices=prices
        )
        if file is not None:
            write_figures(file, found)
    if as_json:
        output.print_json(found.model_dump_json(indent=2))
    else:
        print_evaluation(found)


async def ask_all(store: Path, options: EvaluationOptions, rounds: int) -> list[JudgeInfo]:
    """Collect the verdicts of each judge in turn; without one, take all stored verdicts."""
    stored = stored_judges(store)
    if not options.judge:
        return stored
    if (prices := options.read_prices()) is not None:  # before anything is asked
        with Store.open_to_read(store) as opened:
            require_prices(opened.contents(), rounds, prices)
    judges: list[JudgeInfo] = []
    for number, spec in enumerate(dict.fromkeys(options.judge), start=1):
        people = [info for info in stored if info.kind == "people" and info.name == spec]
        judges += people or [await _ask(store, spec, options, rounds, judge_key_variable(number))]
    return judges


async def _ask(
    store: Path, spec: str, options: EvaluationOptions, rounds: int, key_variable: str
) -> JudgeInfo:
    against = comparisons(options.against)
    total = count_questions(store, rounds=rounds, against=against)
    with counting(f"verdicts of {spec}", total) as tell:
        judge = await open_judge(spec, prompts=options.judge_prompts, key_variable=key_variable)
        try:
            asked = await ask_judge(
                store,
                judge,
                rounds=rounds,
                against=against,
                concurrency=options.concurrency,
                on_verdict=lambda asked: tell(asked.new, asked.stored),
            )
        finally:
            await judge.aclose()
    unreadable = f" ({asked.unreadable} unreadable)" if asked.unreadable else ""
    output.report(
        f"{judge.info.name}: {asked.new} new verdicts{unreadable}, {asked.stored} were stored.",
        judge=judge.info.name,
        **asked._asdict(),
    )
    return judge.info
