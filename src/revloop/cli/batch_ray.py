"""``revloop batch --ray``: its options, and what of the others makes no sense with it."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperCommand

from revloop.batch import BatchOptions
from revloop.cli import exit_codes, output
from revloop.distributed import (
    LOCAL,
    ActorOptions,
    RayInput,
    RayOptions,
    batch_on_ray,
)
from revloop.engines.factory import DEMO, require_engine
from revloop.errors import EngineError, InputError
from revloop.files.compression import STANDARD_INPUT
from revloop.files.paths import Kind, Writes
from revloop.options import EngineOptions
from revloop.rows import STANDARD_OUTPUT

if TYPE_CHECKING:
    from revloop.batch import InputSource
    from revloop.distributed import RayOutcome
    from revloop.reviser import ReviserOptions


_PANEL = "Ray"


class ShardFormat(StrEnum):
    """The form of shards."""

    JSONL = "jsonl"
    PARQUET = "parquet"


BaseUrls = Annotated[
    list[str] | None,
    typer.Option(
        "--base-url",
        help="Address of an OpenAI-compatible server; with --ray given once for each. Else: "
        "REVLOOP_BASE_URL.",
        metavar="URL",
        rich_help_panel="Engine",
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="[ADDRESS]",
        help="Run on a Ray cluster: its address, auto (the one of this machine), or nothing to "
        "start one here. OUTPUT is then a folder of shards.",
        rich_help_panel=_PANEL,
    ),
]
Actors = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Processes that revise. Else: one for each server, or as many as the GPUs hold "
        "engines.",
        rich_help_panel=_PANEL,
    ),
]
RowsInFlight = Annotated[
    int,
    typer.Option(
        min=1,
        help="Rows that an actor has at hand at once; as many may be done again after a crash.",
        rich_help_panel=_PANEL,
    ),
]
ShardRows = Annotated[
    int, typer.Option(min=1, help="Fewest rows of a shard.", rich_help_panel=_PANEL)
]
ShardsAs = Annotated[
    ShardFormat,
    typer.Option("--shard-format", help="The form of the shards.", rich_help_panel=_PANEL),
]


class BatchCommand(TyperCommand):
    """Allows ``--ray`` without an address, where another option follows or nothing."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give ``--ray`` its default address."""
        following = [*args[1:], "--"]
        given = [
            f"--ray={LOCAL}" if one == "--ray" and after.startswith("-") else one
            for one, after in zip(args, following, strict=True)
        ]
        return super().parse_args(ctx, given)


def refuse(given: dict[str, bool]) -> None:
    """Make sure that no option was given that makes no sense with ``--ray``.

    Args:
        given: Options by name, and whether they were given.

    Raises:
        InputError: One was.
    """
    for name, is_given in given.items():
        if is_given:
            raise InputError(f"{name} cannot be used with --ray: leave it out.")


def one_server(base_urls: list[str] | None) -> str | None:
    """The only server of a batch that does not run on Ray.

    Raises:
        InputError: There are several.
    """
    if base_urls and len(base_urls) > 1:
        raise InputError("Several --base-url are only for --ray: name one, or add --ray.")
    return base_urls[0] if base_urls else None


def shards_written(output_folder: Path) -> list[Writes]:
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
    base_urls: list[str] | None,
    reviser: ReviserOptions,
    batch: BatchOptions,
    options: RayOptions,
) -> int:
    """Run a batch on Ray, and say how it ended; returns the exit code.

    Args:
        source: The input, and how to read it.
        output_folder: Where the shards go.
        base_urls: As they were given.
        reviser: The options of each actor's reviser, but for the server.
        batch: How to work.
        options: How to spread it; the servers are filled in here.

    Raises:
        InputError: The input or the output cannot be used.
    """
    if source.name == STANDARD_INPUT or output_folder == STANDARD_OUTPUT:
        raise InputError("--ray reads files and writes a folder: '-' cannot be used.")
    servers, engine = _engine(base_urls, reviser)
    gpus = 0 if servers or engine["model"] == DEMO else reviser["tensor_parallel_size"]
    name = _address(output_folder)
    try:
        outcome = batch_on_ray(
            RayInput(source.name, source.form, source.fields, source.questions),
            ActorOptions(name, _reviser_options(reviser, engine), batch.iterations, batch.bounds),
            replace(options, servers=servers, gpus_an_actor=gpus),
            final_only=batch.final_only,
        )
    except KeyboardInterrupt:
        output.complain("Interrupted. The same command goes on: rows in shards are not done again.")
        return exit_codes.INTERRUPTED
    return _tell(outcome, name)


def _engine(
    base_urls: list[str] | None, reviser: ReviserOptions
) -> tuple[list[str], dict[str, Any]]:
    """The servers, and what the engine needs besides; an actor's own environment says nothing."""
    first = base_urls[0] if base_urls else None
    known = EngineOptions.from_environment(
        base_url=first, model=reviser["model"], api_key=reviser["api_key"]
    )
    require_engine(known)
    servers = base_urls or ([known.base_url] if known.base_url else [])
    return servers, {"model": known.model, "api_key": known.api_key}


def _reviser_options(reviser: ReviserOptions, engine: dict[str, Any]) -> ReviserOptions:
    return cast("ReviserOptions", {**reviser, **engine})


def _address(folder: Path) -> str:
    """The folder as it was named: a path has made one slash of the two in ``s3://``."""
    scheme, colon, rest = str(folder).partition(":/")
    return f"{scheme}://{rest.lstrip('/')}" if colon and scheme.isalnum() else str(folder)


def _tell(outcome: RayOutcome, name: str) -> int:
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
    output.results.print(output.printable(f"{name}: {outcome.written} new trajectories"))
    if outcome.failed:
        return EngineError.exit_code
    return exit_codes.REJECTED_ROWS if outcome.rejected else 0
