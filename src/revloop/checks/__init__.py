"""Checks: programs that say whether a text does what its user asks of it."""

from revloop.checks.builtin import (
    Code,
    Json,
    Keeps,
    Language,
    Length,
    Links,
    Markdown,
    Mentions,
    Regex,
    load_checks,
)
from revloop.checks.commands import CommandChecker
from revloop.checks.functions import FunctionChecker, batched
from revloop.checks.opening import as_checkers, checkers_of
from revloop.checks.suite import CheckSuite

__all__ = [
    "CheckSuite",
    "Code",
    "CommandChecker",
    "FunctionChecker",
    "Json",
    "Keeps",
    "Language",
    "Length",
    "Links",
    "Markdown",
    "Mentions",
    "Regex",
    "as_checkers",
    "batched",
    "checkers_of",
    "load_checks",
]
