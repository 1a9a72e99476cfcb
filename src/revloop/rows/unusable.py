"""Inputs without a usable row: one error with advice, not a reject for each row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from revloop.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

ENOUGH_ROWS = 100
"""If this many rows at the start of an input have the same defect, the input is refused."""

_MOST_BYTES_HELD = 16 * 2**20
_SHOWN_CHARACTERS = 100
_VARYING = re.compile(r"\d+|'[^']*'")
_LATER_ROWS = "If later rows are usable, remove these first."
_ADVICE = f"Name the format with --format, or the fields with --field. {_LATER_ROWS}"
_NOT_JSON_ADVICE = (
    "Rows are JSON objects, one per line; the name of a file of comma-separated values must end in "
    f".csv. {_LATER_ROWS}"
)
_HINTS_BY_NAMES = {
    frozenset({"custom_id", "response"}): "It looks like the output of a Batch API, whose prompts "
    "are in another file. For the answers alone: --field id=custom_id "
    "--field response=response.body.choices.0.message.content.",
    frozenset({"instruction", "output"}): "It looks like Alpaca's training data or AlpacaEval's "
    "outputs: choose with --format alpaca or --format alpaca-eval.",
    frozenset({"chosen", "rejected"}): "It holds pairs of responses: choose the one to revise "
    "(--field response=chosen, or rejected).",
}
_HINTS_BY_LIST = {
    "completions": "It holds several responses per row: choose the one to revise (--field "
    "prompt=instruction --field response=completions.0.response).",
    "choices": "It looks like replies of an OpenAI-compatible server, without their prompts: "
    "--field response=choices.0.message.content reads them.",
}


class Defect(NamedTuple):
    """What is wrong with a row.

    Attributes:
        reason: Why it cannot be used.
        raw: The row, or its beginning.
    """

    reason: str
    raw: str


def refuse_if_all_unusable(
    rows: Iterable[T],
    defect_of: Callable[[T], Defect | None],
    name: str,
    advice: str | None = None,
) -> Iterator[T]:
    """The same rows, unless those at the start all have the same defect.

    Args:
        rows: Usable and unusable ones. At most 100, and 16 MiB, are held back.
        defect_of: What is wrong with a row; None for a usable one.
        name: The input's name.
        advice: What the user can do; None: name the format or the fields.

    Raises:
        InputError: The first 100 rows have the same defect.
    """
    rows = iter(rows)
    held: list[T] = []
    kind, size = None, 0
    for row in rows:
        held.append(row)
        defect = defect_of(row)
        if defect is None or (kind is not None and kind != _kind(defect.reason)):
            break
        kind, size = _kind(defect.reason), size + len(defect.raw)
        if len(held) == ENOUGH_ROWS:
            raise _all_unusable(name, defect, advice)
        if size > _MOST_BYTES_HELD:
            break
    yield from held
    yield from rows


def _kind(reason: str) -> str:
    """What reasons have in common: the field, or what is wrong with the text."""
    return _VARYING.sub("", reason.partition(":")[0])


def _all_unusable(name: str, last: Defect, advice: str | None) -> InputError:
    row = last.raw if len(last.raw) <= _SHOWN_CHARACTERS else f"{last.raw[:_SHOWN_CHARACTERS]}..."
    shown = f" Row {ENOUGH_ROWS} is: {row}" if row else ""
    default = _NOT_JSON_ADVICE if last.reason.startswith("not JSON") else _ADVICE
    return InputError(
        f"{name}: the first {ENOUGH_ROWS} rows cannot be used, all for the same reason: "
        f"{last.reason}.{shown}\n{advice or default}"
    )


def hint_for(row: Mapping[str, Any]) -> str | None:
    """What a row without a draft looks like and the options that read it; None if unknown."""
    for names, hint in _HINTS_BY_NAMES.items():
        if names <= row.keys():
            return hint
    for name, value in row.items():
        if not isinstance(value, list) or not value:
            continue
        if name in _HINTS_BY_LIST:
            return _HINTS_BY_LIST[name]
        if all(isinstance(one, Mapping) and "role" not in one for one in value):
            return (
                f"It has its rows in a list, '{name}': extract them first "
                f"(jq -c '.[\"{name}\"][]' FILE > rows.jsonl)."
            )
    return None
