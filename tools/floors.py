"""Draw the floors of the house: which modules and packages may import which.

    python -m tools.floors            print the table
    python -m tools.floors --write    put it into CONTRIBUTING.md

The floors are those of `tests/house/test_import_floors.py`; what each room is for is the first line
of its docstring.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from tests.house.test_import_floors import FLOORS

PAGE = Path("CONTRIBUTING.md")
PACKAGE = Path("src/revloop")
START, END = "<!-- python -m tools.floors: start -->", "<!-- end -->"


def purpose(room: str, package: Path = PACKAGE) -> str:
    """The first line of the docstring of a module or package."""
    folder = package / room
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0].replace("``", "`")


def table(package: Path = PACKAGE) -> str:
    """The floors as a Markdown table, the top floor first."""
    rooms = sorted(FLOORS, key=lambda room: (-FLOORS[room], room))
    rows = [
        f"| {FLOORS[room]} | `{room}{'/' if (package / room).is_dir() else '.py'}` "
        f"| {purpose(room, package)} |"
        for room in rooms
    ]
    return "\n".join(["| floor | room | what it is for |", "| --- | --- | --- |", *rows])


def put_into(page: str, drawn: str) -> str:
    """A page with the table between its two marks."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{drawn}\n{END}{after}"


def main(*arguments: str) -> int:
    """Print the table, or write it into CONTRIBUTING.md."""
    if arguments == ("--write",):
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(put_into(page, table()), encoding="utf-8")
    else:
        print(table())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
