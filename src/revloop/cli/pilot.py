"""``revloop pilot``: measure on a sample which drafts are worth how many rounds."""

from __future__ import annotations

import textwrap
from contextlib import aclosing
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import anyio
import typer

from revloop.batch import InputSource, trajectories_of
from revloop.cli import output
from revloop.cli.batch import Input
from revloop.cli.counting import counting
from revloop.cli.evaluate import ask_all
from revloop.cli.figures import print_agreement
from revloop.cli.files import Force, new_file, paths_read
from revloop.cli.generated import with_options
from revloop.cli.tables import print_heading, print_table
from revloop.engines.english import is_proofreader
from revloop.engines.factory import with_default
from revloop.errors import InputError
from revloop.evaluation import EvaluationOptions, reviser_keywords
from revloop.files.paths import Kind, Writes, check_paths
from revloop.options import (
    Concurrency,
    EngineOptions,
    Prices,
    RowOptions,
    RunOptions,
    StoreOptions,
)
from revloop.pilot import (
    COST_COLUMN,
    OUTLAY_COLUMNS,
    PART_COLUMNS,
    ROUND_COLUMNS,
    PilotOptions,
    PilotRecords,
    Recommendation,
    Sample,
    check_libraries,
    draw,
    outlay_rows,
    part_rows,
    policy_toml,
    recommend,
    records_of,
    round_cells,
    sentences,
)
from revloop.reviser import AsyncReviser
from revloop.trajectory import Draft

EXAMPLE = (
    "Example: `revloop pilot drafts.jsonl policy.toml --judge http://127.0.0.1:8001 "
    "--base-url http://127.0.0.1:8000`, then `revloop batch drafts.jsonl revised.jsonl "
    "--policy policy.toml`"
)


@with_options(
    rows=RowOptions,
    pilot=PilotOptions,
    store=StoreOptions,
    loop=RunOptions,
    engine=EngineOptions,
    leave_out=("critiques", "selector", "self_judge", "policy"),
)
def pilot(
    rows: RowOptions,
    pilot: PilotOptions,
    store: StoreOptions,
    loop: RunOptions,
    engine: EngineOptions,
    source: Input,
    policy_file: Annotated[
        Path, typer.Argument(metavar="POLICY", help="File to write the policy to: .toml.")
    ],
    force: Force = False,
) -> None:
    """Revise and judge a sample, and recommend how many rounds which drafts are worth.

    The versions and verdicts stay in the store: the same command resumes where it ended.
    """
    engine = with_default(engine)
    if not loop.judge:
        raise InputError("Name a judge (--judge JUDGE): it says what is fixed and what broken.")
    check_libraries()
    store_file = store.store or policy_file.with_name(f"{policy_file.name}.sqlite")
    read = paths_read(rows, pilot, engine, loop, judges=loop.judge)
    policy = Writes(policy_file, "the policy", may_replace=force, check_ending=_check_ending)
    check_paths([Writes(store_file, "the store", Kind.STORE), policy], read, data=source)
    to_read = InputSource(source, form=rows.format, fields=rows.fields(), questions=rows.questions)
    to_read.check_there()
    prices = pilot.read_prices()
    sample = draw(to_read.rows(None), pilot.sample, by=pilot.by, seed=pilot.sample_seed)
    _tell_sample(sample, pilot.by)
    of_rounds = _judged_by_need(loop)
    reviser = AsyncReviser(
        engine=engine,
        loop=of_rounds,
        **reviser_keywords(of_rounds),
        store=store_file,
        new_run=store.new_run,
    )
    anyio.run(_revise, sample.drafts, reviser, loop.iterations, prices)
    asked = EvaluationOptions(judge=loop.judge, judge_prompts=loop.judge_prompts)
    judges = anyio.run(ask_all, store_file, asked, loop.iterations)
    measured = records_of(store_file, judges, loop.iterations, pilot.by, prices)
    if measured.says_nothing:
        raise InputError(
            f"No verdict on a changed draft could be read ({measured.unreadable} drafts), so there "
            "is no policy. Try another judge, or another prompt set (--judge-prompts)."
        )
    if not measured.records:
        raise InputError(f"{store_file} holds no draft with {loop.iterations} judged rounds.")
    found = recommend(measured.records, loop.iterations, pilot.by, pilot.max_harm)
    found = found._replace(policy=found.policy.model_copy(update=policy_choices(of_rounds, engine)))
    _tell(found, measured, pilot.by, None if prices is None else prices.currency)
    told = list(sentences(found, pilot.max_harm))
    for sentence in told:
        output.results.print(textwrap.fill(output.printable(sentence), output.width()))
    with new_file(policy_file, force=force) as file:
        file.write(policy_toml(found.policy, told))
    output.results.print(output.printable(f"The policy is in {policy_file}."))


def _judged_by_need(loop: RunOptions) -> RunOptions:
    """The options of the rounds: with the judges only if versions or candidates are chosen."""
    needs_judges = loop.keep != "last" or loop.candidates > 1
    return loop if needs_judges else loop.model_copy(update={"judge": ()})


def policy_choices(loop: RunOptions, engine: EngineOptions) -> dict[str, Any]:
    """What the policy says of the settings that its figures hold for."""
    names = ("keep", "candidates", "judge", *(() if is_proofreader(engine) else ("prompts",)))
    return {name: getattr(loop, name) for name in names}


async def _revise(
    drafts: list[Draft], reviser: AsyncReviser, iterations: int, prices: Prices | None
) -> None:
    async with reviser:
        if prices is not None:  # before anything is asked
            prices.require(reviser.models)
        revised = trajectories_of(drafts, reviser, iterations=iterations, bounds=Concurrency())
        with counting("drafts", len(drafts)) as tell:
            async with aclosing(revised):
                done = 0
                async for _ in revised:
                    done += 1
                    tell(done, 0)


def _check_ending(path: Path) -> None:
    if path.suffix != ".toml":
        raise InputError(f"{path} is no name of a policy: let it end in .toml.")


def _tell_sample(sample: Sample, by: str | None) -> None:
    if not sample.drafts:
        raise InputError("The input has no usable row.")
    if by is not None and all(draft.extra.get(by) is None for draft in sample.drafts):
        raise InputError(f"No row of the sample has a field '{by}'.")
    rejected = f"; {sample.rejected} unusable rows were left out" if sample.rejected else ""
    output.say(f"{len(sample.drafts)} of {sample.rows} rows are drawn{rejected}.")


def _tell(
    found: Recommendation, measured: PilotRecords, by: str | None, currency: str | None
) -> None:
    print_heading("All drafts, by rounds")
    print_table(ROUND_COLUMNS, (round_cells(n, one) for n, one in enumerate(found.by_round, 1)))
    print_heading("By the first score; *: recommended")
    print_table(PART_COLUMNS, chain.from_iterable(map(part_rows, found.by_score)), left=1)
    if found.by_value:
        print_heading(f"By {by}; *: recommended")
        print_table(PART_COLUMNS, chain.from_iterable(map(part_rows, found.by_value)), left=1)
    print_heading("What a draft takes")
    columns = (*OUTLAY_COLUMNS, *(() if currency is None else (COST_COLUMN,)))
    print_table(columns, outlay_rows(found, currency), left=1)
    output.results.print()
    print_agreement(measured.agreement)
    if measured.failed:
        output.say(f"{measured.failed} drafts are left out: they failed.")
    if measured.unreadable:
        output.say(f"{measured.unreadable} drafts are left out: a verdict could not be read.")
