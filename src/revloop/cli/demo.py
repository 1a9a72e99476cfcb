"""``revloop demo``: the main workflow end to end, with the critic that ships with revloop."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from revloop.batch import revise_many
from revloop.cli import output
from revloop.cli.counting import counting
from revloop.cli.figures import print_evaluation
from revloop.cli.files import new_file
from revloop.cli.generated import with_options
from revloop.cli.tables import print_table
from revloop.cli.versions import print_trajectory
from revloop.demo import CRITIC_FOLDER, demo_drafts
from revloop.demo.figures import critique_statements, fault_counts, round_figures, unusable_replies
from revloop.engines.factory import DEMO, SHIPPED_CRITIC
from revloop.errors import InputError, MissingExtraError, ServingError
from revloop.evaluation import ask_judge, demo_judge, evaluate
from revloop.files.paths import Kind, Writes, check_paths, standard_output
from revloop.options import CommandOptions, DemoOptions, EditorOptions, EngineOptions, RunOptions
from revloop.report import aggregate, open_source, write_page
from revloop.serving import ServerOptions, VllmServer, stopping_on_sigterm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from revloop.trajectory import Draft, Trajectory, Version

EXAMPLE = "Example: `revloop demo --iterations 3`"


@with_options(
    loop=RunOptions,
    demo=DemoOptions,
    leave_out=(
        *("prompts", "judge", "self_judge", "selector", "judge_prompts"),
        *EditorOptions.model_fields,
        *("checks", "check", "check_cmd", "check_timeout_s", "critique", "stop_verified"),
        *CommandOptions.model_fields,
    ),
)
def demo(loop: RunOptions, demo: DemoOptions) -> None:
    """Serve the shipped critic with vLLM, revise a few responses, and report the figures."""
    now, iterations = datetime.now().astimezone(), loop.iterations
    path = demo.store or Path(f"revloop-demo-{now:%Y%m%d-%H%M%S}.sqlite")
    check_paths([standard_output(), Writes(path, "the store", Kind.STORE), *_page(path)])
    with stopping_on_sigterm(), _engine_options(in_process=demo.in_process) as options:
        drafts = demo_drafts(demo.drafts, seed=loop.seed)
        trajectories = _revise_all(drafts, loop, options, path)
    for trajectory in _most_improved(trajectories)[: demo.shown]:
        output.results.rule(output.printable(str(trajectory.draft.id)))
        print_trajectory(trajectory)
    output.results.rule("All drafts, by the exact judge")
    _print_faults(trajectories, iterations)
    _print_summary(trajectories)
    _print_figures(path, iterations)
    _write_report(path, iterations)
    output.results.print(f"\nEvery version is stored in {path}. Look at them with:")
    output.results.print(f"  revloop show {path}")
    output.results.print(f"  revloop evaluate {path} --judge demo")


@contextmanager
def _engine_options(*, in_process: bool) -> Iterator[EngineOptions]:
    """How to reach the shipped critic while the block runs: on a server, if one can run here."""
    server = None if in_process else _start_server()
    if server is None:
        yield EngineOptions(model=DEMO)
        return
    try:
        output.say(f"vLLM is up at {server.base_url}; its log: {server.log_path}")
        yield EngineOptions(base_url=server.base_url, model=server.model)
    finally:
        server.stop()
        output.say("The server has stopped.")


def _start_server() -> VllmServer | None:
    options = ServerOptions(
        model=str(CRITIC_FOLDER),
        served_model_name=SHIPPED_CRITIC,
        tensor_parallel_size=min(2, os.cpu_count() or 1),
        enforce_eager=True,
    )
    try:
        with output.stages("starting vLLM") as tell:
            server = VllmServer(options, on_progress=tell)
            server.start()
    except (MissingExtraError, ServingError) as exc:
        output.say(f"vLLM cannot run here: {exc}\nUsing transformers in this process.")
        return None
    return server


def _revise_all(
    drafts: list[Draft], loop: RunOptions, engine: EngineOptions, store: Path
) -> list[Trajectory]:
    """All trajectories, in the order of their drafts."""
    made = 0

    def count(_draft: Draft, version: Version) -> None:
        nonlocal made
        made += version.round > 0
        tell(made)

    with counting("rounds", len(drafts) * loop.iterations) as tell:
        trajectories = revise_many(
            drafts,
            iterations=loop.iterations,
            on_version=count,
            engine=engine,
            loop=loop,
            store=store,
            judge=None if loop.keep == "last" else demo_judge(),
        )
        done = {trajectory.draft.key: trajectory for trajectory in trajectories}
    return [done[draft.key] for draft in drafts]


def _most_improved(trajectories: list[Trajectory]) -> list[Trajectory]:
    """Sorted by the number of faults removed: shows what the critic can do, not its average."""

    def removed(trajectory: Trajectory) -> int:
        first, *_, last = fault_counts(trajectory, max(1, trajectory.rounds))
        return first - last

    return sorted(trajectories, key=removed, reverse=True)


def _print_figures(store: Path, iterations: int) -> None:
    """The figures of each round, as from `revloop evaluate`."""
    judge = demo_judge()
    anyio.run(partial(ask_judge, store, judge, rounds=iterations))
    try:
        print_evaluation(evaluate(store, [judge.info], rounds=iterations))
    except MissingExtraError as exc:
        output.say(str(exc))


def _page(store: Path) -> list[Writes]:
    """The page beside the store, if it is yet to be written."""
    page = store.with_suffix(".html") if store.name else store
    return [] if os.path.lexists(page) and page != store else [Writes(page, "the report")]


def _write_report(store: Path, iterations: int) -> None:
    """Write the page beside the store, unless it exists."""
    page = store.with_suffix(".html")
    try:
        with (
            new_file(page, force=False) as file,
            open_source(store, rounds=iterations) as source,
        ):
            write_page(file, source, aggregate(source))
    except InputError as exc:
        output.say(f"No report was written: {exc}")
    else:
        output.results.print(f"\nThe report is in {page}: open it in a browser.")


def _print_faults(trajectories: list[Trajectory], rounds: int) -> None:
    rows = (
        (str(figures.round), f"{figures.fault_free:.0%}", f"{figures.mean_faults:.2f}")
        for figures in round_figures(trajectories, rounds)
    )
    print_table(("after round", "without a fault", "faults a draft"), rows)


def _print_summary(trajectories: list[Trajectory]) -> None:
    made, true = critique_statements(trajectories)
    if made:
        output.results.print(f"True statements in the critiques: {true / made:.1%} of {made}.")
    unusable, requests = unusable_replies(trajectories)
    output.results.print(f"Requests with an unusable reply: {unusable} of {requests}.")
    reasons = Counter(t.end.reason.value for t in trajectories if t.end is not None)
    counted = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    versions = sum(t.rounds for t in trajectories)
    saved = sum(t.end.calls_saved for t in trajectories if t.end is not None)
    output.results.print(
        f"{len(trajectories)} drafts, {versions} revised versions. Ended: {counted}. "
        f"Requests saved by early stopping: {saved}."
    )
