"""``revloop.toml``: options for the command line, in one table for each model."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import environ
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revloop.checks.builtin import CHECK_TABLE
from revloop.errors import InputError
from revloop.files.text import read_toml
from revloop.values import nearest_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from revloop.options import Options

NAME = Path("revloop.toml")
VARIABLE = "REVLOOP_CONFIG"
TABLES: dict[str, type[Options]] = {}
"""The model of each table; commands enter theirs."""

_named: Path | None = None


def name_file(path: Path | None) -> None:
    """Set the file that ``--config`` names; None: none is named."""
    global _named  # noqa: PLW0603 - one command a process, and it has one file
    _named = path


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What the file holds.

    Attributes:
        path: Where it is; None if there is none.
        tables: Its tables, with known names and keys only.
    """

    path: Path | None = None
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_config() -> ConfigFile:
    """Read the file that is named by ``--config`` or ``REVLOOP_CONFIG``, or is in this folder.

    Raises:
        InputError: It cannot be read, is not TOML, or has an unknown table or key.
    """
    path = _named or Path(environ.get(VARIABLE) or NAME)
    if path == NAME and _named is None and not path.exists():
        return ConfigFile()
    tables = read_toml(path)
    has_checks = tables.pop(CHECK_TABLE, None) is not None
    for name, table in tables.items():
        check_known(name, TABLES, f"{path}: there is no table [{name}]")
        if not isinstance(table, dict):
            raise InputError(f"{path}: {name} is not a table: write [{name}] and its keys below.")
        known = [key for key, flag in TABLES[name].flags().items() if not flag.only_in_python]
        for key in table:
            check_known(key, known, f"{path}: [{name}] has no key '{key}'")
    return ConfigFile(path, _with_own_checks(tables, path) if has_checks else tables)


def _with_own_checks(tables: dict[str, Any], path: Path) -> dict[str, Any]:
    """The tables with the file itself as the file of checks."""
    loop = tables.get("loop", {})
    if "checks" in loop:
        raise InputError(
            f"{path} has checks ([[{CHECK_TABLE}]]) and names another file of checks ([loop] "
            "checks): put all into one."
        )
    return {**tables, "loop": {**loop, "checks": str(path)}}


def check_known(name: str, known: Collection[str], problem: str) -> None:
    """Make sure that a name is known.

    Raises:
        InputError: It is not; the error tells the nearest one.
    """
    if name in known:
        return
    near = nearest_name(name, known)
    hint = f"Did you mean '{near}'?" if near else f"Known: {', '.join(sorted(known))}."
    raise InputError(f"{problem}. {hint}")
