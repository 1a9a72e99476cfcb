"""``revloop config``: the options in force, and where each comes from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import SecretStr

from revloop.cli import output
from revloop.cli.config_file import TABLES, ConfigFile, check_known, read_config
from revloop.cli.generated import build, chosen
from revloop.cli.tables import print_table

if TYPE_CHECKING:
    from revloop.options import Options

EXAMPLE = "Example: `revloop config loop engine`"
DEFAULT = "default"


def config(
    tables: Annotated[
        list[str] | None,
        typer.Argument(metavar="TABLE", help="Tables to print. [default: those with a choice]"),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Print all tables.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all options as JSON.")] = False,
) -> None:
    """Print the options in force, and where each comes from.

    The environment overrides the file, and the file the defaults; options on the command line
    override all. Keys are never printed.
    """
    for table in tables or ():
        check_known(table, TABLES, f"There is no table '{table}'")
    file = read_config()
    found = {name: in_force(file, name, TABLES[name]) for name in tables or sorted(TABLES)}
    if as_json:
        output.print_json(json.dumps(found, indent=2))
        return
    shown = found if tables or everything else {k: v for k, v in found.items() if _has_choice(v)}
    output.say(f"Options file: {file.path or 'none'}.")
    if not shown:
        output.say("All options have their defaults; --all prints them.")
        return
    rows = [
        (f"[{name}] {option}", _text(values["value"]), str(values["source"]))
        for name, options in shown.items()
        for option, values in options.items()
    ]
    print_table(("option", "value", "from"), rows, left=3)


def in_force(file: ConfigFile, table: str, model: type[Options]) -> dict[str, dict[str, object]]:
    """The value of each option of a table as JSON, and where it comes from.

    Raises:
        InputError: A value cannot be used.
    """
    sources = chosen(file, table, model, {}, {})
    options = build(model, sources)
    values = options.model_dump(mode="json")
    found = {}
    for name, flag in model.flags().items():
        value, source = values[name], sources[name].source if name in sources else DEFAULT
        if model.model_fields[name].annotation in {SecretStr, SecretStr | None}:
            value = "unset" if getattr(options, name) is None else "set"
        elif flag.only_in_python:
            continue
        found[name] = {"value": value, "source": source}
    return found


def _has_choice(options: dict[str, dict[str, object]]) -> bool:
    return any(values["source"] != DEFAULT for values in options.values())


def _text(value: object) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)
