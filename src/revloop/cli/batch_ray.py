"""``revloop batch --ray``: its checks, its run and its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revloop.cli import exit_codes, output
from revloop.cli.checks import tell_failed_checks
from revloop.cli.help import HelpfulCommand
from revloop.distributed import LOCAL, ActorOptions, RayInput, batch_on_ray
from revloop.engines.factory import refuse_jobs, require_engine
from revloop.errors import EngineError, InputError
from revloop.files.compression import STANDARD_INPUT
from revloop.files.paths import Kind, Writes, check_paths
from revloop.options import BatchOptions
from revloop.rows import STANDARD_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from revloop.batch import InputSource
    from revloop.distributed import RayOutcome
    from revloop.options import EngineOptions, RayOptions, RunOptions, StoreOptions

_ONLY_HERE = ("retry_failed", "share_duplicates", "strict", "max_failures")


class BatchCommand(HelpfulCommand):
    """Allows ``--ray`` without an address, before another option or at the end."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give ``--ray`` its default address."""
        following = [*args[1:], "--"]
        given = [
            f"--ray={LOCAL}" if one == "--ray" and after.startswith("-") else one
            for one, after in zip(args, following, strict=True)
        ]
        return super().parse_args(ctx, given)


def not_on_ray(store: StoreOptions, batch: BatchOptions, others: Mapping[str, bool]) -> None:
    """Reject options that have no meaning with ``--ray``.

    Args:
        store: None of its fields has a meaning.
        batch: Some of its fields have none.
        others: Further options by name, and whether they were given.

    Raises:
        InputError: One was.
    """
    given = {
        "--store": store.store is not None,
        "--new-run": store.new_run,
        **{
            f"--{name.replace('_', '-')}": getattr(batch, name) != getattr(BatchOptions(), name)
            for name in _ONLY_HERE
        },
        **others,
    }
    for name, is_given in given.items():
        if is_given:
            raise InputError(f"{name} cannot be used with --ray: leave it out.")


def one_server(servers: Sequence[str]) -> None:
    """Reject several servers for a batch that does not run on Ray.

    Raises:
        InputError: There are several.
    """
    if len(servers) > 1:
        raise InputError("Several --base-url are only for --ray: name one, or add --ray.")


def _shards_written(output_folder: Path) -> list[Writes]:
    """What is written on this machine; an address (``s3://``) is left to its file system."""
    if "://" in _address(output_folder) or output_folder == STANDARD_OUTPUT:
        return []
    checkpoint = output_folder.with_name(f"{output_folder.name}.checkpoint")
    return [
        Writes(output_folder, "the folder of shards", Kind.FOLDER),
        Writes(checkpoint, "the checkpoint", Kind.FOLDER),
    ]


def run_on_ray(
    source: InputSource,
    output_folder: Path,
    models: tuple[EngineOptions, RunOptions, BatchOptions, RayOptions],
    read: Mapping[str, str | Path | None],
) -> int:
    """Run a batch on Ray, and say how it ended; returns the exit code.

    Args:
        source: The input, and how to read it.
        output_folder: Where the shards go.
        models: What each actor does, and how the batch is spread.
        read: Other paths that are read, by what they name.

    Raises:
        InputError: The input or the output cannot be used.
    """
    engine, loop, batch, ray = models
    refuse_jobs(engine, "a Ray cluster")
    check_paths(_shards_written(output_folder), read, data=source.name)
    if source.name == STANDARD_INPUT or output_folder == STANDARD_OUTPUT:
        raise InputError("--ray reads files and writes a folder: '-' cannot be used.")
    require_engine(engine)
    name = _address(output_folder)
    rows = RayInput(source.name, source.form, source.fields, source.questions)
    try:
        outcome = batch_on_ray(rows, ActorOptions(name, engine, loop, batch), ray)
    except KeyboardInterrupt:
        output.complain("Interrupted. Resume with the same command: rows in shards are done.")
        return exit_codes.INTERRUPTED
    return tell_outcome(outcome, name)


def _address(folder: Path) -> str:
    """The folder as it was named: a path has made one slash of the two in ``s3://``."""
    scheme, colon, rest = str(folder).partition(":/")
    return f"{scheme}://{rest.lstrip('/')}" if colon and scheme.isalnum() else str(folder)


def tell_outcome(outcome: RayOutcome, name: str) -> int:
    """Say how a run ended; returns the exit code."""
    rate = outcome.versions / max(outcome.elapsed_s, 1e-9)
    before = f", {outcome.before} rows were done before" if outcome.before else ""
    output.say(
        f"{outcome.elapsed_s:.0f} s: {outcome.written} trajectories, {outcome.versions} versions, "
        f"{rate:.1f}/s{before}"
    )
    if outcome.rejected:
        output.complain(f"{outcome.rejected} rows were rejected: see {name}/*.rejected.jsonl.")
    if outcome.failed:
        output.complain(f"{outcome.failed} trajectories ended before all rounds were done.")
    tell_failed_checks(outcome.checks_not_run, outcome.first_reasons)
    output.results.print(output.printable(f"{name}: {outcome.written} new trajectories"))
    if outcome.failed:
        return EngineError.exit_code
    return exit_codes.REJECTED_ROWS if outcome.rejected else 0
