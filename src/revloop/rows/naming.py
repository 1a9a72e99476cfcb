"""Fields under other names: which field of the input is meant by a name of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revloop.rows.formats import are_turns, at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revloop.rows.formats import Converted, Fields, Form

_ASKED = ("prompt", "messages")


def renamed(
    row: Mapping[str, Any], fields: Mapping[str, str], names: Mapping[str, str]
) -> tuple[Fields, Fields, Fields]:
    """A row with the fields that were named under the names that its form expects.

    A field that is named is taken away from where it stood; one that a path leads into stays.

    Args:
        row: The row.
        fields: Our names to paths of the input.
        names: Our names to those of the form.

    Returns:
        The row; what was named for fields that the form has not; the fields that had a name which
        is taken now, and so are the caller's.
    """
    new = {name: value for name, value in row.items() if name not in fields.values()}
    kept: Fields = {}
    for name in fields.keys() & names.keys() & set(_ASKED):
        unread = names.get(_other(name))  # what was named is the prompt: no other column is
        if _other(name) not in fields and unread in new and unread != names[name]:
            kept[unread] = new.pop(unread)
    beside: Fields = {}
    for ours, path in fields.items():
        value, theirs = at(row, path), names.get(ours)
        if theirs is None:
            beside[ours] = value
            continue
        if theirs in new:
            kept[theirs] = new.pop(theirs)
        if value is not None:
            new[theirs] = value
    return new, beside, kept


def _other(name: str) -> str:
    return _ASKED[1 - _ASKED.index(name)]


def converted(row: Mapping[str, Any], fields: Mapping[str, str], form: Form) -> Converted:
    """A draft's fields and the rest of a row of some form, with fields under other names."""
    new, beside, kept = renamed(row, fields, form.names)
    draft, rest = form.convert(new)
    for ours, value in beside.items():
        if value is None:
            continue
        if ours in _ASKED:
            draft.pop(_other(ours), None)
            draft.pop(ours, None)
            ours = "messages" if are_turns(value) else ours  # noqa: PLW2901
        draft[ours] = value
    return draft, {**rest, **kept}
