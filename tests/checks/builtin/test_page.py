"""docs/checks.md says what the code does: kinds, classes, settings."""

from __future__ import annotations

import json
import re

import revloop.checks
from revloop.checks.builtin import BuiltInCheck, kinds
from tests.helpers.repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "checks.md").read_text(encoding="utf-8")
COMMON = {"kind", "name", "message"}


def table() -> dict[str, tuple[str, set[str]]]:
    """The class and the settings of each kind, as the page has them."""
    lines = PAGE.splitlines()
    start = lines.index("| kind | Python | the text passes if | settings |") + 2
    found = {}
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        kind, name, _, settings = (cell.strip() for cell in line[1:-1].split("|"))
        found[kind.strip("`")] = (name.strip("`"), {one.strip("`") for one in settings.split(", ")})
    return found


def test_the_table_has_every_kind_with_its_settings() -> None:
    settings = {
        kind: {field.alias or name for name, field in model.model_fields.items()} - COMMON
        for kind, model in kinds().items()
    }
    assert {kind: shown for kind, (_, shown) in table().items()} == settings


def test_the_table_has_every_class() -> None:
    classes = {
        kind: model.__name__ if issubclass(model, BuiltInCheck) else ""
        for kind, model in kinds().items()
    }
    assert {kind: name for kind, (name, _) in table().items()} == classes
    assert all(name in revloop.checks.__all__ for name in classes.values() if name)


def test_the_false_alarms_on_the_page_are_those_that_were_measured() -> None:
    path = REPOSITORY / "benchmarks" / "results" / "keeps.json"
    measured = json.loads(path.read_text(encoding="utf-8"))
    section = PAGE.partition("How often it fails")[2]
    rows = [line for line in section.splitlines() if re.search(r"\| \d+ of \d+ \|", line)]
    shown = [[cell.strip() for cell in row.strip("|").split("|")][1:] for row in rows]
    expected = []
    for name, counts in measured["sets"].items():
        failed, having = counts["failed"], counts["with any"]
        of = [f"{failed[kind]} of {having[kind]}" for kind in ("numbers", "names")]
        expected.append([f"{counts['pairs']:,}", *of, measured["rates"][name]["all"]])
    assert shown == expected
