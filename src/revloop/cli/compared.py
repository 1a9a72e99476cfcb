"""Options that evaluate, report and judge share."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from revloop.cli import output
from revloop.cli.stores import tell_if_in_two_files
from revloop.distributed import GATHERED, gathered
from revloop.evaluation import Against

PromptsOfJudges = Annotated[
    str, typer.Option(help="Prompt set for model judges.", metavar="NAME|DIR")
]
By = Annotated[str | None, typer.Option(help="Split by this field of the drafts.", metavar="FIELD")]
RoundsTold = Annotated[int | None, typer.Option(min=1, help="Rounds to cover. Default: all.")]


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


class Compared(StrEnum):
    """What each round is compared with."""

    ORIGINAL = "original"
    PREVIOUS = "previous"
    BOTH = "both"

    @property
    def against(self) -> frozenset[Against]:
        """The same as the evaluation's names."""
        both: frozenset[Against] = frozenset({"original", "previous"})
        return both if self is Compared.BOTH else frozenset(x for x in both if x == self.value)
