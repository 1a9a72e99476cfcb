"""Options and notes shared by commands that read a store."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from revloop.cli import output
from revloop.distributed import GATHERED, gathered
from revloop.errors import StoreError
from revloop.files.store_files import canonical_path, write_ahead_log
from revloop.store import Store

RunToRead = Annotated[
    int | None,
    typer.Option(
        "--run",
        min=1,
        help="Run to read. Default: the newest with a trajectory.",
        metavar="N",
    ),
]


def tell_which_run(store: Store, run: int | None) -> None:
    """Say which run is read, if there are several."""
    runs = store.run_ids()
    if run is None and len(runs) > 1 and (newest := store.newest_run()) is not None:
        others = ", ".join(str(other) for other in runs if other != newest)
        output.say(f"Reading run {newest}; --run reads another ({others}).")


def tell_if_in_two_files(context: typer.Context, store: Path | None) -> Path | None:
    """Have a command warn at its end if its store is spread over two files."""

    def tell() -> None:
        if store is None:
            return
        with suppress(OSError, StoreError):  # an invalid path was reported before
            log = write_ahead_log(canonical_path(store))
            if log.exists() and log.stat().st_size:
                tell_of(log)

    def tell_of(log: Path) -> None:
        output.say(
            f"Part of {store} is in {log}: another process is using the store, or it is "
            "read-only. To copy it, copy both files."
        )

    context.call_on_close(tell)
    return store


def store_in(path: Path) -> Path:
    """The store to read; a folder of shards is gathered into one first.

    Raises:
        InputError: The folder was not written by ``revloop batch --ray``.
    """
    if not os.path.isdir(path):  # noqa: PTH112 - unlike a Path's, it takes any name
        return path
    output.say(f"Gathering the shards of {path} into {path / GATHERED}")
    return gathered(path)


def what_is_read(store: Path) -> dict[str, Path]:
    """The store, or the files of a folder of shards, by the name that messages use."""
    if not os.path.isdir(store):  # noqa: PTH112 - unlike a Path's, it takes any name
        return {"the store": store}
    shards = {f"the shard {path.name}": path for path in store.glob("*.jsonl")}
    return {"the store": store / GATHERED, "the folder of shards": store, **shards}


StoreOrShards = Annotated[
    Path,
    typer.Argument(
        help="Store, or output folder of `revloop batch --ray`.",
        metavar="STORE",
        callback=tell_if_in_two_files,
    ),
]


StoreToRead = Annotated[
    Path, typer.Argument(help="The store.", metavar="STORE", callback=tell_if_in_two_files)
]
