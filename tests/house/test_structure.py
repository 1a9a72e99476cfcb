"""Structure of the source: unique class names, few loose files, short modules and functions."""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING

from tests.helpers.repository import REPOSITORY
from tests.house.test_import_floors import TREES, trees_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PACKAGE = REPOSITORY / "src" / "revloop"
LOOSE_FILES = 8
MODULE_LINES = 400
FUNCTION_LINES = 60


def shared_class_names(trees: Mapping[str, ast.Module]) -> set[str]:
    """Class names that are defined more than once."""
    names = Counter(
        node.name
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    )
    return {name for name, times in names.items() if times > 1}


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its decorators and docstring."""
    docstring = function.body[0] if ast.get_docstring(function) is not None else None
    return _lines(function) - (0 if docstring is None else _lines(docstring))


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def long_functions(trees: Mapping[str, ast.Module]) -> set[str]:
    """Dotted names of the functions that are too long."""
    return {
        f"{module}.{node.name}"
        for module, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and lines_of(node) > FUNCTION_LINES
    }


def loose_files(package: Path) -> set[str]:
    """Modules that belong to no room."""
    return {file.name for file in package.glob("*.py")}


def test_every_class_name_has_one_meaning() -> None:
    assert shared_class_names(TREES) == set()


def test_no_function_is_long() -> None:
    assert long_functions(TREES) == set()


def test_no_module_is_long() -> None:
    lengths = {
        str(file.relative_to(PACKAGE)): len(file.read_text(encoding="utf-8").splitlines())
        for file in PACKAGE.rglob("*.py")
    }
    assert {name: lines for name, lines in lengths.items() if lines > MODULE_LINES} == {}


def test_few_files_lie_loose_at_the_top() -> None:
    assert len(loose_files(PACKAGE)) <= LOOSE_FILES


class TestTheTestItself:
    """Each rule finds a violation in a small package."""

    def test_a_class_name_that_is_used_twice_is_found(self, tmp_path: Path) -> None:
        (tmp_path / "rows.py").write_text("class Row:\n    class Cell: ...\n")
        (tmp_path / "tables.py").write_text("class Table: ...\nclass Row: ...\n")
        assert shared_class_names(trees_of(tmp_path)) == {"Row"}

    def test_a_long_function_is_found_and_its_docstring_does_not_count(
        self, tmp_path: Path
    ) -> None:
        body = "    pass\n" * (FUNCTION_LINES - 1)
        described = '    """Some\n    words."""\n'
        (tmp_path / "short.py").write_text(f"def short():\n{described}{body}")
        (tmp_path / "long.py").write_text(f"class A:\n  def long(self):\n{body}    pass\n")
        assert long_functions(trees_of(tmp_path)) == {"long.long"}
