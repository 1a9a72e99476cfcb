"""Fields under other names, as ``--field`` gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revloop.rows.formats import are_turns, value_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revloop.rows.formats import Converted, Fields, RowFormat

_ASKED = ("prompt", "messages")


def converted(
    row: Mapping[str, Any], fields: Mapping[str, str], row_format: RowFormat
) -> Converted:
    """A draft's fields and the rest of a row, with some fields under other names.

    Args:
        row: The row.
        fields: Our names to paths in the row.
        row_format: The row's format apart from these names.
    """
    renamed_row, beside, displaced = _renamed(row, fields, row_format.names)
    draft, rest = row_format.convert(renamed_row)
    for ours, value in beside.items():
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
        The row; the values for fields that the format does not have; the user's own fields whose
        names were taken.
    """
    new = {name: value for name, value in row.items() if name not in fields.values()}
    displaced: Fields = {}
    for name in fields.keys() & names.keys() & set(_ASKED):
        other = _ASKED[1 - _ASKED.index(name)]
        unread = names.get(other)  # the named field is the prompt, so no other column is
        if other not in fields and unread in new and unread != names[name]:
            displaced[unread] = new.pop(unread)
    beside: Fields = {}
    for ours, path in fields.items():
        value, theirs = value_at(row, path), names.get(ours)
        if theirs is None:
            beside[ours] = value
            continue
        if theirs in new:
            displaced[theirs] = new.pop(theirs)
        if value is not None:
            new[theirs] = value
    return new, beside, displaced
