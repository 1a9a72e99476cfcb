"""Fields under other names or at paths, as ``--field`` gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from revloop.rows.formats import are_turns

if TYPE_CHECKING:
    from revloop.rows.formats import Converted, Fields, RowFormat

_ASKED = ("prompt", "messages")


def value_at(row: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path of a row; None if there is none.

    A number is an index into a list, from its end if negative.
    """
    if path in row:
        return row[path]
    value: Any = row
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.removeprefix("-").isdecimal():
            place = int(part)
            value = value[place] if -len(value) <= place < len(value) else None
        else:
            return None
    return value


def converted(
    row: Mapping[str, Any], fields: Mapping[str, str], row_format: RowFormat
) -> Converted:
    """A draft's fields and the rest of a row, with some fields under other names.

    Args:
        row: The row.
        fields: Our names to paths in the row.
        row_format: The row's format apart from these names.
    """
    renamed_row, separate, displaced = _renamed(row, fields, row_format.names)
    draft, rest = row_format.convert(renamed_row)
    for ours, value in separate.items():
        if value is None:
            continue
        if ours in _ASKED:
            for name in _ASKED:
                draft.pop(name, None)
            ours = "messages" if are_turns(value) else ours  # noqa: PLW2901
        draft[ours] = value
    return draft, {**rest, **displaced}


def _renamed(
    row: Mapping[str, Any], fields: Mapping[str, str], names: Mapping[str, str]
) -> tuple[Fields, Fields, Fields]:
    """A row with the named fields under the names that its format expects.

    A named field is removed from its old place; one inside of another field stays there too.

    Args:
        row: The row.
        fields: Our names to paths in the row.
        names: Our names to those of the format.

    Returns:
        The row; the values of fields that the format does not have; the user's own fields whose
        names were taken.
    """
    new = {name: value for name, value in row.items() if name not in fields.values()}
    displaced: Fields = {}
    for name in fields.keys() & names.keys() & set(_ASKED):
        other = _ASKED[1 - _ASKED.index(name)]
        unread = names.get(other)  # the named field is the prompt, so no other column is
        if other not in fields and unread in new and unread != names[name]:
            displaced[unread] = new.pop(unread)
    separate: Fields = {}
    for ours, path in fields.items():
        value, theirs = value_at(row, path), names.get(ours)
        if theirs is None:
            separate[ours] = value
            continue
        if theirs in new:
            displaced[theirs] = new.pop(theirs)
        if value is not None:
            new[theirs] = value
    return new, separate, displaced
