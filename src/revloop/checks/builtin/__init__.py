"""Checks that are ready to use, by configuration or as objects.

>>> from revloop.checks import Keeps, Length
>>> checks = [Length(words_max=120), Keeps("numbers", "quotes")]
"""

from revloop.checks.builtin.base import BuiltInCheck
from revloop.checks.builtin.code import Code
from revloop.checks.builtin.entries import (
    CHECK_TABLE,
    CheckEntry,
    CommandEntry,
    FunctionEntry,
    kinds,
    load_checks,
)
from revloop.checks.builtin.json_schema import Json
from revloop.checks.builtin.keeps import Keeps
from revloop.checks.builtin.languages import Language
from revloop.checks.builtin.length import Length
from revloop.checks.builtin.links import Links
from revloop.checks.builtin.markdown import Markdown
from revloop.checks.builtin.mentions import Mentions
from revloop.checks.builtin.patterns import Regex

__all__ = [
    "CHECK_TABLE",
    "BuiltInCheck",
    "CheckEntry",
    "Code",
    "CommandEntry",
    "FunctionEntry",
    "Json",
    "Keeps",
    "Language",
    "Length",
    "Links",
    "Markdown",
    "Mentions",
    "Regex",
    "kinds",
    "load_checks",
]
