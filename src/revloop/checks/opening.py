"""Checks from what a user gives: functions, their names, checks of one's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from revloop.checks.builtin import CommandEntry, FunctionEntry, load_checks
from revloop.checks.commands import CommandChecker
from revloop.checks.functions import FunctionChecker
from revloop.checks.rewording import RewordedChecker
from revloop.errors import InputError
from revloop.functions import is_function_name
from revloop.trajectory import Checker

if TYPE_CHECKING:
    from collections.abc import Callable

    from revloop.checks.builtin import CheckEntry
    from revloop.options import RunOptions
    from revloop.options.commands import CommandOptions

    CheckSource = Checker | CheckEntry | Callable[..., object] | str


def checkers_of(options: RunOptions) -> list[Checker]:
    """The checks that the options name.

    Raises:
        InputError: One cannot be loaded, or has the name of another.
        MissingExtraError: One needs a package that is not installed.
    """
    entries = () if options.checks is None else load_checks(options.checks)
    limit_s = options.check_timeout_s
    listed = [_opened(entry, limit_s, options) for entry in entries]
    functions = [_function(spec, limit_s) for spec in options.check]
    commands = [CommandChecker(one, options, timeout_s=limit_s) for one in options.check_cmd]
    return as_checkers((*listed, *functions, *commands))


def as_checkers(sources: Iterable[CheckSource], *, timeout_s: float = 10.0) -> list[Checker]:
    """Convert functions, names of functions and entries of a file to checkers.

    Args:
        sources: Functions, names as ``module:function``, checkers, and what
            :func:`~revloop.checks.load_checks` returns.
        timeout_s: Seconds that a function may take for one text.

    Raises:
        InputError: One cannot be loaded, is no check, or has the name of another.
    """
    if isinstance(sources, str) or not isinstance(sources, Iterable):
        raise InputError(f"Checks are a list, not one {type(sources).__name__}: write [...].")
    checkers = [_as_checker(source, timeout_s) for source in sources]
    names = [checker.info.name for checker in checkers]
    if again := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"Two checks are named '{again}': give each its own name.")
    return checkers


def _as_checker(source: object, timeout_s: float) -> Checker:
    if isinstance(source, Checker):
        return source
    if isinstance(source, str):
        return _function(source, timeout_s)
    if isinstance(source, FunctionEntry | CommandEntry):
        return _opened(source, timeout_s)
    if callable(source):
        return FunctionChecker(source, timeout_s=timeout_s)
    raise InputError(f"A check must be a function or a checker, not {type(source).__name__}.")


def _opened(entry: CheckEntry, timeout_s: float, options: CommandOptions | None = None) -> Checker:
    if isinstance(entry, FunctionEntry):
        checker: Checker = _function(entry.function, timeout_s, entry.name)
    elif isinstance(entry, CommandEntry):
        checker = CommandChecker(entry.command, options, timeout_s=timeout_s, name=entry.name)
    else:
        return entry
    return checker if entry.message is None else RewordedChecker(checker, entry.message)


def _function(spec: str, timeout_s: float, name: str | None = None) -> FunctionChecker:
    if not is_function_name(spec):
        raise InputError(f"'{spec}' names no check. Name a module:function.")
    return FunctionChecker.load(spec, name=name, timeout_s=timeout_s)
