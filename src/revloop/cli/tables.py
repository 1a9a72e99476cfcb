"""Tables on stdout that fit the terminal, without cutting a cell."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from revloop.cli import output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_GAP = "  "
_INDENT = 4
_LEAST_BESIDE = 30
"""Columns that an explanation needs beside its value; with fewer it goes below."""


def print_heading(text: str) -> None:
    """Print the heading of a table."""
    output.results.print()
    output.results.print(Text(output.printable(text), style="bold cyan"))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 0) -> None:
    """Print a table; columns that do not fit go below, after the first column again.

    A cell wider than the terminal is printed in full.

    Args:
        columns: The headings.
        rows: A cell for each column.
        left: Number of columns, from the first, that are left-aligned.
    """
    safe = [[output.printable(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(columns, *safe, strict=True)]
    for number, shown in enumerate(_parts(widths, output.width())):
        if number:
            output.results.print()
        for style, row in (("bold", columns), *(("", row) for row in safe)):
            cells = [_padded(row[n], widths[n], is_left=n < left) for n in shown]
            output.results.print(Text(_GAP.join(cells).rstrip(), style=style))


def print_pairs(rows: Iterable[tuple[str, str, str]]) -> None:
    """Print names with their values and explanations.

    Args:
        rows: Name, value and explanation; the explanation is wrapped, but a URL is never broken.
    """
    safe = [tuple(map(output.printable, row)) for row in rows]
    names, values = (max((cell_len(row[n]) for row in safe), default=0) for n in (0, 1))
    columns = (names, values) if values else (names,)
    start = sum(columns) + len(columns) * len(_GAP)
    is_beside = output.width() - start >= _LEAST_BESIDE
    indent = start if is_beside else _INDENT
    for name, value, explanation in safe:
        line = Text(_padded(name, names, is_left=True), style="bold")
        line.append(_GAP + _padded(value, values, is_left=False) if values else "", "not bold")
        wrapped = [(" " * indent) + part for part in _wrapped(explanation, indent)]
        if is_beside and wrapped:
            line.append(_GAP + wrapped.pop(0)[indent:], "not bold dim" if values else "not bold")
        line.rstrip()
        output.results.print(line)
        for part in wrapped:
            output.results.print(Text(part, style="dim" if values else ""))


def _parts(widths: Sequence[int], room: int) -> Iterator[list[int]]:
    """The columns of each part of a table: the first one, then as many as fit."""
    shown, used = [0], widths[0]
    for number, width in list(enumerate(widths))[1:]:
        if len(shown) > 1 and used + len(_GAP) + width > room:
            yield shown
            shown, used = [0], widths[0]
        shown.append(number)
        used += len(_GAP) + width
    yield shown


def _padded(cell: str, width: int, *, is_left: bool) -> str:
    space = " " * (width - cell_len(cell))
    return cell + space if is_left else space + cell


def _wrapped(text: str, indent: int) -> list[str]:
    room = max(1, output.width() - indent)
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
