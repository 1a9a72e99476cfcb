"""``--help`` in panels that fit 80 columns; no option, value or choice is broken inside a word."""

from __future__ import annotations

import inspect
from enum import Enum
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console, Group
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import RenderableType

_FLAG_COLUMNS = 30
"""Columns for the flag and its value; a value that does not fit goes below its flag."""
_LONGEST_CHOICES = 20
_HIGHEST_TOLD = 10**5
_PLACEHOLDERS = {"int": "N", "float": "X", "Path": "PATH", "integer": "N", "path": "PATH"}


class HelpfulCommand(TyperCommand):
    """A command whose help is laid out here."""

    def format_help(self, ctx: Any, _formatter: Any) -> None:
        """Print the help directly, as typer does."""
        typer.echo(_rendered(self, ctx))


class HelpfulGroup(TyperGroup):
    """A group of commands whose help is laid out here."""

    def format_help(self, ctx: Any, _formatter: Any) -> None:
        """Print the help directly, as typer does."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [
            (Text(name, "bold cyan"), _text(_first_paragraph(command)))
            for name, command in commands
            if command is not None
        ]
        typer.echo(_rendered(self, ctx, _panel("Commands", rows)))


def _rendered(command: Any, ctx: Any, *more: RenderableType) -> str:
    console = Console(highlight=False)
    parts = [Text.assemble("Usage: ", (_usage(command, ctx), "bold"))]
    parts += [_text(" ".join(one.split())) for one in _paragraphs(command.help or "")]
    epilog = [_text(" ".join(command.epilog.split()))] if command.epilog else []
    with console.capture() as captured:
        for part in parts:
            console.print(Padding(part, (0, 1, 1, 1)))
        console.print(Group(*_panels(command, ctx), *more))
        for part in epilog:
            console.print(Padding(part, (1, 1, 0, 1)))
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _usage(command: Any, ctx: Any) -> str:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    names = [_name(one) if one.required else f"[{_name(one)}]" for one in arguments]
    rest = ["COMMAND"] if hasattr(command, "commands") else names
    return " ".join([ctx.command_path, "[OPTIONS]", *rest])


def _panels(command: Any, ctx: Any) -> Iterator[Panel]:
    panels: dict[str, list[tuple[Text, Text]]] = {"Arguments": [], "Options": []}
    for param in command.get_params(ctx):
        if getattr(param, "hidden", False):
            continue
        is_argument = param.param_type_name == "argument"
        panel = getattr(param, "rich_help_panel", None)
        if "--help" in param.opts:
            panel = "Everywhere"
        rows = panels.setdefault(panel or ("Arguments" if is_argument else "Options"), [])
        flag = Text(_name(param), "bold cyan") if is_argument else _flag(param)
        rows.append((flag, _help(param)))
    return (_panel(name, rows) for name, rows in panels.items() if rows)


def _panel(name: str, rows: Iterable[tuple[Text, Text]]) -> Panel:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for row in rows:
        table.add_row(*row)
    return Panel(table, title=name, title_align="left", border_style="dim")


def _flag(param: Any) -> Text:
    """The names of an option, short ones first, and what stands for its value."""
    names = sorted(param.opts, key=lambda name: (name.startswith("--"), name))
    if param.secondary_opts:
        names = [name.replace("--", "--[no-]", 1) for name in names]
    flag = Text(", ".join(names), "bold cyan")
    is_flag = getattr(param, "is_flag", False) or getattr(param, "count", False)
    value = "" if is_flag else _value(param)
    if value:
        fits = len(flag) + 1 + len(value) <= _FLAG_COLUMNS
        flag.append(f" {value}" if fits else f"\n  {value}", "yellow")
    return flag


def _value(param: Any) -> str:
    choices = "|".join(_choices(param))
    if param.metavar is not None:
        return str(param.metavar)
    if choices:
        return choices if len(choices) <= _LONGEST_CHOICES else "CHOICE"
    kind = getattr(param, "type_descriptor", None) or param.type
    annotation = getattr(kind, "annotation", None)
    name = str(getattr(annotation, "__name__", None) or getattr(kind, "name", ""))
    return _PLACEHOLDERS.get(name.removesuffix(" range"), "TEXT")


def _choices(param: Any) -> list[str]:
    kind = getattr(param, "type_descriptor", None) or param.type
    return [_shown(choice) for choice in getattr(kind, "choices", None) or ()]


def _help(param: Any) -> Text:
    text = param.help or ""
    choices = _choices(param)
    if choices and _value(param) == "CHOICE":
        text += f" One of {', '.join(choices)}."
    notes = [*_bounds(param), *_default(param)]
    shown = _text(text)
    if notes:
        shown.append(f" [{'; '.join(notes)}]", "dim")
    return shown


def _bounds(param: Any) -> list[str]:
    kind = getattr(param, "type", None)
    low = getattr(param, "min", None) if hasattr(param, "min") else getattr(kind, "min", None)
    high = getattr(param, "max", None) if hasattr(param, "max") else getattr(kind, "max", None)
    if high is None or high > _HIGHEST_TOLD:  # that a count is at least 1 is no news
        return []
    return [f"at most {high}"] if low is None else [f"{low} to {high}"]


def _default(param: Any) -> list[str]:
    if param.required:
        return [] if param.param_type_name == "argument" else ["required"]
    default = param.default if param.show_default is True else param.show_default
    if default is None or default is False or default == "" or callable(default):
        return []
    return [f"default: {_shown(default)}"]


def _shown(value: object) -> str:
    return str(value.value if isinstance(value, Enum) else value)


def _name(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _text(text: str) -> Text:
    """A text with its code, in backticks, in bold."""
    shown = Text()
    for number, part in enumerate(text.split("`")):
        shown.append(part, "bold" if number % 2 else "")
    return shown


def _paragraphs(text: str) -> list[str]:
    return inspect.cleandoc(text).split("\n\n")


def _first_paragraph(command: Any) -> str:
    return " ".join(_paragraphs(command.help or "")[0].split())
