"""Checks from what a user gives: functions, their names, checks of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.checks.commands import CommandChecker
from revloop.checks.functions import FunctionChecker
from revloop.errors import InputError
from revloop.functions import is_function_name
from revloop.trajectory import Checker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from revloop.options import RunOptions

    CheckSource = Checker | Callable[..., object] | str


def checkers_of(options: RunOptions) -> list[Checker]:
    """The checks that the options name.

    Raises:
        InputError: One cannot be loaded, or has the name of another.
    """
    limit_s = options.check_timeout_s
    commands = [CommandChecker(line, options, timeout_s=limit_s) for line in options.check_cmd]
    return as_checkers([*options.check, *commands])


def as_checkers(sources: Iterable[CheckSource]) -> list[Checker]:
    """Convert functions and names of functions to checkers.

    Args:
        sources: Functions, names as ``module:function``, and checkers.

    Raises:
        InputError: One cannot be loaded, is no check, or has the name of another.
    """
    checkers = [_as_checker(source) for source in sources]
    names = [checker.info.name for checker in checkers]
    if again := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"Two checks are named '{again}': give each its own name.")
    return checkers


def _as_checker(source: object) -> Checker:
    if isinstance(source, Checker):
        return source
    if isinstance(source, str):
        if is_function_name(source):
            return FunctionChecker.load(source)
        raise InputError(f"'{source}' names no check. Name a module:function.")
    if callable(source):
        return FunctionChecker(source)
    raise InputError(f"A check must be a function or a checker, not {type(source).__name__}.")
