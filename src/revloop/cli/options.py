"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from revloop.cli.stores import tell_if_in_two_files
from revloop.demo import CRITIC_FOLDER
from revloop.engines.factory import DEMO
from revloop.options import RunOptions

Prompts = Annotated[
    str, typer.Option(help=RunOptions.model_fields["prompts"].description, metavar="NAME|DIR")
]
StoreToRead = Annotated[
    Path, typer.Argument(help="The store.", metavar="STORE", callback=tell_if_in_two_files)
]


def model_folder(name: str) -> str:
    """The model that a name stands for: ``demo`` is the toy critic that ships with revloop."""
    return str(CRITIC_FOLDER) if name == DEMO else name
