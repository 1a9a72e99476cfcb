"""``revloop prompts``: list, show and copy the prompt sets that come with revloop."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from revloop.cli import output
from revloop.cli.files import Force, new_file
from revloop.cli.tables import print_heading, print_pairs
from revloop.errors import InputError
from revloop.files.paths import Writes, check_paths
from revloop.prompts.shipped import shipped_set, shipped_sets

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name that `prompts list` prints.")]


@app.command("list", epilog="Example: `revloop prompts list`")
def list_sets(
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """Print the name, kind and purpose of each prompt set."""
    sets = shipped_sets()
    if as_json:
        rows = [{"name": one.name, "kind": one.kind, "purpose": one.purpose} for one in sets]
        output.print_json(json.dumps(rows, indent=2))
        return
    print_pairs([(one.name, one.kind, one.purpose) for one in sets])


@app.command("show", epilog="Example: `revloop prompts show chat`")
def show_set(name: Name) -> None:
    """Print the settings and templates of a prompt set."""
    for file, text in shipped_set(name).files().items():
        print_heading(file)
        output.print_text(text)


@app.command("copy", epilog="Example: `revloop prompts copy chat my-prompts`")
def copy_set(
    name: Name,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write.")],
    force: Force = False,
) -> None:
    """Copy a prompt set, to edit it: `--prompts DIR` uses the copy."""
    files = shipped_set(name).files()
    paths = {folder / file: text for file, text in files.items()}
    writes = [Writes(path, "the copy", may_replace=force, makes_parents=True) for path in paths]
    check_paths(writes)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise InputError(f"The folder {folder} cannot be created: {exc.strerror}.") from exc
    with ExitStack() as opened:
        for path, text in paths.items():
            opened.enter_context(new_file(path, force=force)).write(text)
    output.say(f"{folder}: {name}, {len(paths)} files. Edit them, and name the folder.")
