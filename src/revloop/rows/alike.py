"""Inputs none of whose rows can be used: told once, not row by row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from revloop.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

ENOUGH_ROWS = 100
"""So many rows at the start of an input, all of them bad in the same way, are no accident."""

_MOST_BYTES_HELD = 16 * 2**20
_SHOWN_CHARACTERS = 100
_VARYING = re.compile(r"\d+|'[^']*'")
_ADVICE = (
    "Say what the rows are with --format, or which fields are meant with --field. If later rows "
    "are better, take these away first."
)
_NOT_JSON = (
    "Rows are JSON objects, one a line; a file of comma-separated values has to have a name that "
    "ends in .csv. If later rows are better, take these away first."
)


class Bad(NamedTuple):
    """What is the matter with a row.

    Attributes:
        reason: Why it cannot be used.
        raw: The row, or its beginning.
    """

    reason: str
    raw: str


def unless_all_alike(
    rows: Iterable[T], bad: Callable[[T], Bad | None], name: str, advice: str | None = None
) -> Iterator[T]:
    """The same rows, unless those at the start are all bad in the same way.

    Args:
        rows: Good and bad ones. At most 100, and 16 MiB, are held back.
        bad: What is the matter with a row; None for a good one.
        name: The input's name.
        advice: What a person can do; None: name the form or the fields.

    Raises:
        InputError: The first 100 are.
    """
    rows = iter(rows)
    held: list[T] = []
    kind, size = None, 0
    for row in rows:
        held.append(row)
        what = bad(row)
        if what is None or (kind is not None and kind != _kind(what.reason)):
            break
        kind, size = _kind(what.reason), size + len(what.raw)
        if len(held) == ENOUGH_ROWS:
            raise _all_alike(name, what, advice)
        if size > _MOST_BYTES_HELD:
            break
    yield from held
    yield from rows


def _kind(reason: str) -> str:
    """What reasons have in common: the field, or what is wrong with the text."""
    return _VARYING.sub("", reason.partition(":")[0])


def _all_alike(name: str, last: Bad, advice: str | None) -> InputError:
    row = last.raw if len(last.raw) <= _SHOWN_CHARACTERS else f"{last.raw[:_SHOWN_CHARACTERS]}..."
    shown = f" Row {ENOUGH_ROWS} is: {row}" if row else ""
    default = _NOT_JSON if last.reason.startswith("not JSON") else _ADVICE
    return InputError(
        f"{name}: the first {ENOUGH_ROWS} rows cannot be used, all for the same reason: "
        f"{last.reason}.{shown}\n{advice or default}"
    )
