"""CONTRIBUTING.md shows the floors as they are, and fits on one page."""

from __future__ import annotations

import re

from tests.helpers.repository import REPOSITORY
from tests.house.test_import_floors import FLOORS
from tools.floors import END, PACKAGE, START, put_into, table

PAGE = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
ONE_PAGE_LINES = 100


def test_the_floors_are_drawn_as_they_are() -> None:
    drawn = table(REPOSITORY / PACKAGE)
    assert put_into(PAGE, drawn) == PAGE, "run: python -m tools.floors --write"


def test_every_room_stands_in_the_table_with_its_floor() -> None:
    rows = re.findall(r"^\| (\d) \| `(\w+)(?:/|\.py)` \| .+ \|$", PAGE, re.MULTILINE)
    assert {room: int(floor) for floor, room in rows} == FLOORS


def test_it_fits_on_one_page() -> None:
    assert len(PAGE.splitlines()) <= ONE_PAGE_LINES


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    page = f"before\n{START}\nold\n{END}\nafter\n"
    assert put_into(page, "new") == f"before\n{START}\nnew\n{END}\nafter\n"
