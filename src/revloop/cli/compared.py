"""Options that the commands share which look at stored rounds: evaluate, report and judge."""

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
    str, typer.Option(help="Prompt set of model judges.", metavar="NAME|DIR")
]
By = Annotated[str | None, typer.Option(help="Split by this field of the drafts.", metavar="FIELD")]
RoundsTold = Annotated[
    int | None, typer.Option(min=1, help="Rounds to tell of. Else: all there are.")
]


def store_in(path: Path) -> Path:
    """The store to read: the one that was named, or that of a folder of shards, made first.

    Raises:
        InputError: The folder is none that ``revloop batch --ray`` has written.
    """
    if not os.path.isdir(path):  # noqa: PTH112 - unlike a Path's, it takes any name
        return path
    output.say(f"Gathering the shards of {path} into {path / GATHERED}.")
    return gathered(path)


def what_is_read(store: Path) -> dict[str, Path]:
    """The store, or what is read of a folder of shards and made of it, by what people call it."""
    if not os.path.isdir(store):  # noqa: PTH112 - unlike a Path's, it takes any name
        return {"the store": store}
    shards = {f"the shard {path.name}": path for path in store.glob("*.jsonl")}
    return {"the store": store / GATHERED, "the folder of shards": store, **shards}


StoreOrShards = Annotated[
    Path,
    typer.Argument(
        help="The store, or the folder that `revloop batch --ray` has written.",
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
        """As the evaluation names it."""
        both: frozenset[Against] = frozenset({"original", "previous"})
        return both if self is Compared.BOTH else frozenset(x for x in both if x == self.value)
