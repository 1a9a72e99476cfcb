"""``revloop pilot``: measure on a sample which drafts are worth how many rounds."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated

import anyio
import typer

from revloop.batch import InputSource, arevise_many
from revloop.checks import checkers_of
from revloop.cli import output
from revloop.cli.batch import Input
from revloop.cli.counting import counting
from revloop.cli.evaluate import ask_all
from revloop.cli.files import Force, new_file, paths_read
from revloop.cli.generated import with_options
from revloop.cli.tables import print_heading, print_table
from revloop.engines.factory import with_default
from revloop.errors import InputError
from revloop.evaluation import EvaluationOptions
from revloop.files.paths import Kind, Writes, check_paths
from revloop.options import EngineOptions, RowOptions, RunOptions, StoreOptions
from revloop.pilot import (
    PART_COLUMNS,
    ROUND_COLUMNS,
    PilotOptions,
    Recommendation,
    Sample,
    check_libraries,
    draw,
    part_cells,
    policy_toml,
    recommend,
    records_of,
    round_cells,
    sentences,
)
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
    leave_out=("keep", "critiques", "candidates", "selector", "self_judge", "policy"),
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
    if len(loop.judge) != 1:
        raise InputError("Name one judge (--judge JUDGE): it says what is fixed and what broken.")
    check_libraries()
    store_file = store.store or policy_file.with_name(f"{policy_file.name}.sqlite")
    read = paths_read(rows, engine, loop, judges=loop.judge)
    policy = Writes(policy_file, "the policy", may_replace=force, check_ending=_check_ending)
    check_paths([Writes(store_file, "the store", Kind.STORE), policy], read, data=source)
    to_read = InputSource(source, form=rows.format, fields=rows.fields(), questions=rows.questions)
    to_read.check_there()
    sample = draw(to_read.rows(None), pilot.sample, by=pilot.by, seed=pilot.sample_seed)
    _tell_sample(sample, pilot.by)
    anyio.run(_revise, sample.drafts, engine, loop, store_file, store.new_run)
    asked = EvaluationOptions(judge=loop.judge, judge_prompts=loop.judge_prompts)
    (judge,) = anyio.run(ask_all, store_file, asked, loop.iterations)
    measured = records_of(store_file, judge, loop.iterations, pilot.by)
    if not measured.records:
        raise InputError(f"{store_file} holds no draft with {loop.iterations} judged rounds.")
    found = recommend(measured.records, loop.iterations, pilot.by)
    _tell(found, measured.failed, pilot.by)
    with new_file(policy_file, force=force) as file:
        file.write(policy_toml(found.policy, list(sentences(found))))
    output.results.print(output.printable(f"The policy is in {policy_file}."))


async def _revise(
    drafts: list[Draft], engine: EngineOptions, loop: RunOptions, store: Path, new_run: bool
) -> None:
    revised = arevise_many(
        drafts,
        iterations=loop.iterations,
        engine=engine,
        loop=loop.model_copy(update={"judge": ()}),
        prompts=loop.prompts,
        checks=checkers_of(loop),
        **loop.editor_keywords,
        store=store,
        new_run=new_run,
    )
    with counting("drafts", len(drafts)) as tell:
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


def _tell(found: Recommendation, failed: int, by: str | None) -> None:
    print_heading("All drafts, by round")
    print_table(ROUND_COLUMNS, (round_cells(n, one) for n, one in enumerate(found.by_round, 1)))
    print_heading("By the first score")
    print_table(PART_COLUMNS, map(part_cells, found.by_score), left=1)
    if found.by_value:
        print_heading(f"By {by}")
        print_table(PART_COLUMNS, map(part_cells, found.by_value), left=1)
    output.results.print()
    if failed:
        output.say(f"{failed} drafts are left out: they failed, or a verdict is missing.")
    for sentence in sentences(found):
        output.results.print(textwrap.fill(output.printable(sentence), output.width()))
