"""Imports run from a higher floor to a lower one: no cycles, no imports hidden in functions.

The imports are parsed from the source, including those for type checking; nothing is imported.
"""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

import pytest

from tests.helpers.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

SOURCE = REPOSITORY / "src"
FLOORS = {
    "_version": 0,
    "concurrency": 0,
    "edits": 0,
    "errors": 0,
    "trajectory": 0,
    "values": 0,
    "files": 1,
    "functions": 0,
    "markdown": 0,
    "models": 1,
    "prompts": 1,
    "tracing": 1,
    "options": 2,
    "records": 2,
    "rows": 2,
    "serving": 2,
    "checks": 3,
    "engines": 3,
    "planning": 3,
    "store": 3,
    "loop": 4,
    "demo": 5,
    "finetune": 5,
    "reviser": 5,
    "batch": 6,
    "evaluation": 6,
    "bench": 7,
    "distributed": 7,
    "export": 7,
    "gateway": 7,
    "pilot": 7,
    "report": 7,
    "review": 7,
    "__main__": 8,
    "cli": 8,
}
"""The floor of each module or package of revloop. Add new ones here."""


def module_name(file: Path, source: Path) -> str:
    """A file's dotted name."""
    parts = file.relative_to(source).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(tree: ast.AST, modules: Collection[str]) -> Iterator[str]:
    """Our modules that a tree imports; an imported name that is a module counts as that module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports must be absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in modules or node.module in modules:
                    yield inner if inner in modules else str(node.module)


def trees_of(source: Path) -> dict[str, ast.Module]:
    """The syntax tree of each module in a source folder."""
    return {
        module_name(file, source): ast.parse(file.read_text(encoding="utf-8"))
        for file in sorted(source.rglob("*.py"))
    }


def graph_of(trees: Mapping[str, ast.Module]) -> dict[str, set[str]]:
    """Our modules that each module imports."""
    return {name: set(imports_of(tree, trees)) for name, tree in trees.items()}


def room(module: str) -> str:
    """The top-level module or package that a module belongs to; empty for revloop itself."""
    return f"{module}.".split(".")[1]


def climbs(graph: Mapping[str, set[str]], floors: Mapping[str, int]) -> list[str]:
    """Imports from a higher floor; revloop's own ``__init__`` may import everything."""
    return [
        f"{module} (floor {floors[room(module)]}) imports {imported}"
        for module, all_imported in graph.items()
        if room(module)
        for imported in sorted(all_imported)
        if not room(imported) or floors[room(imported)] > floors[room(module)]
    ]


def cycle(graph: Mapping[str, set[str]]) -> list[str]:
    """Modules that form an import cycle; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def hidden_imports(trees: Mapping[str, ast.Module]) -> list[str]:
    """Imports of our own modules inside functions."""
    return [
        f"{module}, line {function.lineno}: {function.name} imports {imported}"
        for module, tree in trees.items()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for imported in imports_of(function, trees)
    ]


TREES = trees_of(SOURCE)
GRAPH = graph_of(TREES)


def test_every_room_has_a_floor() -> None:
    assert {room(module) for module in GRAPH} - {""} == set(FLOORS)


def test_no_import_climbs() -> None:
    assert climbs(GRAPH, FLOORS) == []


def test_no_modules_form_a_cycle() -> None:
    assert cycle(GRAPH) == []


def test_no_rooms_form_a_cycle() -> None:
    rooms: dict[str, set[str]] = {name: set() for name in FLOORS}
    for module, imported in GRAPH.items():
        if room(module):
            rooms[room(module)] |= {room(other) for other in imported} - {room(module)}
    assert cycle(rooms) == []


def test_no_import_of_our_own_hides_in_a_function() -> None:
    assert hidden_imports(TREES) == []


class TestTheTestItself:
    """Each rule finds a violation in a small package."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        (tmp_path / "revloop" / "engines").mkdir(parents=True)
        for file in ("__init__", "errors", "loop", "engines/__init__", "engines/base"):
            (tmp_path / "revloop" / f"{file}.py").touch()
        return tmp_path / "revloop"

    def test_a_climb_is_found(self, source: Path) -> None:
        (source / "errors.py").write_text("from revloop.engines import base\n")
        assert climbs(graph_of(trees_of(source.parent)), FLOORS) == [
            "revloop.errors (floor 0) imports revloop.engines.base"
        ]

    def test_a_climb_for_type_checking_is_found(self, source: Path) -> None:
        (source / "errors.py").write_text("if TYPE_CHECKING:\n    import revloop.loop\n")
        assert climbs(graph_of(trees_of(source.parent)), FLOORS) == [
            "revloop.errors (floor 0) imports revloop.loop"
        ]

    def test_an_import_from_the_package_itself_is_found(self, source: Path) -> None:
        (source / "loop.py").write_text("from revloop import Draft\n")
        assert climbs(graph_of(trees_of(source.parent)), FLOORS) == [
            "revloop.loop (floor 4) imports revloop"
        ]

    def test_an_import_from_a_lower_floor_is_allowed(self, source: Path) -> None:
        (source / "loop.py").write_text("from revloop.engines.base import Engine\n")
        assert climbs(graph_of(trees_of(source.parent)), FLOORS) == []

    def test_a_cycle_inside_a_package_is_found(self, source: Path) -> None:
        (source / "engines" / "__init__.py").write_text("from revloop.engines.base import Engine\n")
        (source / "engines" / "base.py").write_text("from revloop.engines import Request\n")
        assert set(cycle(graph_of(trees_of(source.parent)))) == {
            "revloop.engines",
            "revloop.engines.base",
        }

    def test_an_import_inside_a_function_is_found(self, source: Path) -> None:
        (source / "loop.py").write_text("def f():\n    from revloop import errors\n")
        assert hidden_imports(trees_of(source.parent)) == [
            "revloop.loop, line 1: f imports revloop.errors"
        ]
