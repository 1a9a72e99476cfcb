"""Tables that fit: on narrow terminals and in pipes, with every cell whole."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from revloop.cli import output
from revloop.cli.tables import print_heading, print_pairs, print_table

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS = ("round", "win rate", "95% interval", "at equal length")
ROW = ("1", "50.0%", "41.0% to 59.0%", "100.0%")
ADDRESS = "https://example.org/a/rather/long/path/to/a/page/with/figures.html"


def printed(print_all: Callable[[], None], columns: int | None = None) -> list[str]:
    """The lines that something prints, in a terminal of so many columns or into a pipe."""
    console = Console(
        file=io.StringIO(),
        force_terminal=columns is not None,
        color_system=None,
        width=columns,
        soft_wrap=True,
        highlight=False,
        markup=False,
        emoji=False,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output, "results", console)
        print_all()
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_a_table_that_fits_is_one_table() -> None:
    lines = printed(lambda: print_table(COLUMNS, [ROW]), 80)
    assert lines == [
        "round  win rate    95% interval  at equal length",
        "    1     50.0%  41.0% to 59.0%           100.0%",
    ]


def test_columns_that_do_not_fit_stand_below_beside_the_first_one() -> None:
    lines = printed(lambda: print_table(COLUMNS, [ROW, ("2", *ROW[1:])]), 32)
    assert lines == [
        "round  win rate    95% interval",
        "    1     50.0%  41.0% to 59.0%",
        "    2     50.0%  41.0% to 59.0%",
        "",
        "round  at equal length",
        "    1           100.0%",
        "    2           100.0%",
    ]


@given(
    st.lists(st.lists(st.from_regex(r"[a-z0-9%]{1,12}", fullmatch=True), min_size=5, max_size=5)),
    st.integers(1, 60),
)
def test_no_cell_is_ever_cut_and_no_line_is_too_long(rows: list[list[str]], columns: int) -> None:
    heads = ("one", "two", "three", "four", "five")
    lines = printed(lambda: print_table(heads, rows), columns)
    words = {word for line in lines for word in line.split()}
    assert words == {*heads, *(cell for row in rows for cell in row)}
    if columns >= 26:  # the first column and any other
        assert max(map(len, lines)) <= columns


def test_in_a_pipe_a_table_has_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    lines = printed(lambda: print_table([f"column {n:02}" for n in range(20)], [["1"] * 20]))
    assert 70 < max(map(len, lines)) <= 80


def test_an_explanation_stands_beside_its_value_and_is_wrapped() -> None:
    rows = [("Weights", "83 GB", "in all, as they lie on the disk"), ("GPU hours", "208", "")]
    assert printed(lambda: print_pairs(rows), 50) == [
        "Weights    83 GB  in all, as they lie on the disk",
        "GPU hours    208",
    ]
    assert printed(lambda: print_pairs(rows), 48) == [
        "Weights    83 GB  in all, as they lie on the",
        "                  disk",
        "GPU hours    208",
    ]


def test_in_a_narrow_terminal_an_explanation_stands_below() -> None:
    rows = [("Weights", "83 GB", "in all, as they lie on the disk")]
    assert printed(lambda: print_pairs(rows), 40) == [
        "Weights  83 GB",
        "    in all, as they lie on the disk",
    ]


def test_an_address_is_never_broken() -> None:
    rows = [("FLOP/s", "50%", f"of the data sheet; {ADDRESS}")]
    for columns in (30, 60, 80, None):
        assert any(ADDRESS in line for line in printed(lambda: print_pairs(rows), columns))


def test_names_without_values_have_two_columns() -> None:
    rows = [("Base", "", "tiny, 3 parameters"), ("Steps", "", "5")]
    assert printed(lambda: print_pairs(rows), 80) == ["Base   tiny, 3 parameters", "Steps  5"]


def test_what_could_act_on_a_terminal_is_made_harmless() -> None:
    lines = printed(lambda: print_table(("name",), [("\x1b[2J",)]), 80)
    lines += printed(lambda: print_heading("\x1b[2J"), 80)
    lines += printed(lambda: print_pairs([("a", "\x1b[2J", "\x1b[2J")]), 80)
    assert "\x1b" not in "".join(lines)
