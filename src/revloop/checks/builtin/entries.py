"""Checks from a file: ``checks.toml``, or the tables ``[[check]]`` of another."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from revloop.checks.builtin.code import Code
from revloop.checks.builtin.files import FOLDER
from revloop.checks.builtin.json_schema import Json
from revloop.checks.builtin.keeps import Keeps
from revloop.checks.builtin.languages import Language
from revloop.checks.builtin.length import Length
from revloop.checks.builtin.links import Links
from revloop.checks.builtin.markdown import Markdown
from revloop.checks.builtin.mentions import Mentions
from revloop.checks.builtin.patterns import Regex
from revloop.errors import InputError, RevloopError
from revloop.files.text import read_toml
from revloop.values import AnyText, Frozen, Text, explain

CHECK_TABLE = "check"
"""Name of the tables, one for each check."""
_Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class FunctionEntry(Frozen):
    """A Python function as check."""

    kind: Literal["function"] = "function"
    name: AnyText | None = Field(default=None, description="Its name. Default: the function's.")
    message: Text | None = Field(
        default=None, description="What the critic is told if it fails. Default: its own message."
    )
    function: _Words = Field(description="module:function.")


class CommandEntry(Frozen):
    """A command as check."""

    kind: Literal["command"] = "command"
    name: AnyText | None = Field(default=None, description="Its name. Default: the command.")
    message: Text | None = Field(
        default=None, description="What the critic is told if it fails. Default: its output."
    )
    command: _Words = Field(description="The text is on its standard input, or in {file}.")


CheckEntry = Annotated[
    Json
    | Regex
    | Length
    | Language
    | Mentions
    | Markdown
    | Links
    | Code
    | Keeps
    | FunctionEntry
    | CommandEntry,
    Field(discriminator="kind"),
]
"""One table ``[[check]]``: its kind and its settings."""

_ENTRY: TypeAdapter[CheckEntry] = TypeAdapter(CheckEntry)


def load_checks(file: str | Path) -> tuple[CheckEntry, ...]:
    """Read the checks of a file; tables of options (those of ``revloop.toml``) are passed over.

    Raises:
        InputError: It cannot be read, is not TOML, has no check, or something else than tables.
        MissingExtraError: A check needs a package that is not installed.
    """
    path = Path(file)
    tables = read_toml(path)
    for name, table in tables.items():
        if name != CHECK_TABLE and (name in kinds() or not isinstance(table, dict)):
            raise InputError(
                f"{path}: '{name}' does not belong in a file of checks. Each check is a table "
                f"[[{CHECK_TABLE}]]."
            )
    entries = tables.get(CHECK_TABLE, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(
            f"{path}: write each check as a table [[{CHECK_TABLE}]], in double brackets."
        )
    if not entries:
        raise InputError(f"{path} has no check. Each check is a table [[{CHECK_TABLE}]].")
    return tuple(_entry(entry, number, path) for number, entry in enumerate(entries, start=1))


def kinds() -> dict[str, type[Frozen]]:
    """The model of each kind."""
    union = CheckEntry.__args__[0]
    return {model.model_fields["kind"].default: model for model in union.__args__}


def _entry(table: dict[str, Any], number: int, path: Path) -> CheckEntry:
    where = f"{path}: [[{CHECK_TABLE}]] {number}"
    try:
        return _ENTRY.validate_python(table, context={FOLDER: path.parent})
    except ValidationError as exc:
        raise InputError(f"{where}: {_explained(exc, table)}.") from exc
    except RevloopError as exc:
        raise type(exc)(f"{where}: {exc}") from exc


def _explained(exc: ValidationError, table: dict[str, Any]) -> str:
    kind = table.get("kind")
    known = kinds()
    if kind is None:
        return f"it has no kind. Known: {', '.join(known)}"
    if not isinstance(kind, str) or kind not in known:
        return f"there is no kind '{kind}'. Known: {', '.join(known)}"
    # a discriminated union puts the kind before each field
    return re.sub(rf"(?:^|(?<=; )){kind}(?:\.|: )", "", explain(exc))
