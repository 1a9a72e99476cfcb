"""Options that every command has, before the command's name or after it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from revloop.cli import output
from revloop.cli.config_file import VARIABLE, name_file
from revloop.cli.generated import disguised, parameters_of

if TYPE_CHECKING:
    from collections.abc import Callable

R = TypeVar("R")

_PANEL = "Everywhere"

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Options by table. By default revloop.toml in this folder, or the file that "
        f"{VARIABLE} names.",
        rich_help_panel=_PANEL,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Only results and errors.", rich_help_panel=_PANEL),
]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        show_default=False,
        help="Log to standard error; -vv: details too.",
        rich_help_panel=_PANEL,
    ),
]
LogJson = Annotated[
    bool,
    typer.Option(
        "--log-json", help="Progress as JSON lines on standard error.", rich_help_panel=_PANEL
    ),
]


def reset(
    config: Config = None,
    quiet: Quiet = False,
    verbose: Verbose = 0,
    log_json: LogJson = False,
) -> None:
    """Set the options file, and how the command reports."""
    name_file(config)
    output.progress.quiet, output.mode.as_json = quiet, log_json
    _log(verbose)


def with_common_options(function: Callable[..., R]) -> Callable[..., R]:
    """Give a command the options that may also stand before its name."""

    def command(
        *,
        config: Path | None = None,
        quiet: bool = False,
        verbose: int = 0,
        log_json: bool = False,
        **values: Any,
    ) -> R:
        if config is not None:
            name_file(config)
        if quiet:
            output.progress.quiet = True
        output.mode.as_json |= log_json
        if verbose:
            _log(verbose)
        return function(**values)

    return disguised(command, function, [*parameters_of(function), *parameters_of(reset)])


def _log(verbose: int) -> None:
    """Log revloop's modules to stderr: nothing, from INFO on, or from DEBUG on."""
    logger = logging.getLogger("revloop")
    logger.handlers.clear()
    if verbose:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s", "%H:%M:%S"))
        logger.addHandler(handler)
    logger.setLevel({0: logging.NOTSET, 1: logging.INFO}.get(verbose, logging.DEBUG))
