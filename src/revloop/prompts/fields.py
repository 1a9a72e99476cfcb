"""Fields of a draft in templates: ``${extra.rubric}`` stands for the draft's field ``rubric``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from revloop.errors import MissingFieldError
from revloop.prompts.templates import FIELD, placeholders
from revloop.values import json_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from revloop.trajectory import Draft

_CRITERION = ("name", "description")
_NESTED = "is nested too deeply: write it as a text, a list of texts, or a list of criteria"


def fields_in(templates: Iterable[str]) -> frozenset[str]:
    """The fields of a draft that templates name."""
    names = frozenset[str]().union(*map(placeholders, templates))
    return frozenset(name.removeprefix(FIELD) for name in names if name.startswith(FIELD))


def field_values(template: str, draft: Draft | None, defaults: Mapping[str, Any]) -> dict[str, str]:
    """What stands for the fields in a template, by placeholder.

    Args:
        template: The template's text.
        draft: Whose fields; None: the defaults alone.
        defaults: Values of fields that the draft lacks.

    Raises:
        MissingFieldError: The draft lacks a field, or its value cannot be shown.
    """
    return {
        FIELD + name: field_text(name, draft, defaults) for name in sorted(fields_in([template]))
    }


def field_value(name: str, draft: Draft | None, defaults: Mapping[str, Any]) -> Any:
    """A field of a draft, else its default.

    A null, a blank text and an empty list or object count as missing.

    Raises:
        MissingFieldError: The draft lacks it, and there is no default.
    """
    value = None if draft is None else draft.extra.get(name)
    if not _is_missing(value):
        return value
    if name in defaults:
        return defaults[name]
    raise MissingFieldError(
        f"draft {'' if draft is None else draft.key} has no field '{name}', which the prompt set "
        "uses: fill it in, or give a default in the table [fields] of the set's settings"
    )


def field_text(name: str, draft: Draft | None, defaults: Mapping[str, Any]) -> str:
    """A field of a draft as it stands in a prompt.

    Raises:
        MissingFieldError: The draft lacks it, or its value cannot be shown.
    """
    try:
        return shown(field_value(name, draft, defaults))
    except ValueError as exc:
        key = "" if draft is None else draft.key
        raise MissingFieldError(f"the field '{name}' of draft {key} {exc}") from exc


def item_names(value: Any) -> tuple[str, ...]:
    """The names of a list's items or of an object's fields, as shown; empty for a text.

    Raises:
        ValueError: It is nested too deeply.
    """
    if isinstance(value, Mapping):
        return tuple(map(str, value))
    if not isinstance(value, list | tuple):
        return ()
    return tuple(_plain(item["name"] if isinstance(item, Mapping) else item) for item in value)


def shown(value: Any) -> str:
    """A value in a prompt: a text as it is, a number as JSON writes it, a list as lines.

    An item of a list is a line ("- item"), and so is a field of an object ("- key: value") and an
    object in a list ("- name: description (weight: 2)").

    Raises:
        ValueError: It is nested more deeply.
    """
    if isinstance(value, list | tuple):
        return "\n".join(f"- {_item(item)}" for item in value)
    if isinstance(value, Mapping):
        return "\n".join(f"- {name}: {_plain(item)}" for name, item in value.items())
    return _plain(value)


def _item(item: Any) -> str:
    if not isinstance(item, Mapping):
        return _plain(item)
    name, description = item.get("name"), item.get("description")
    if _is_missing(name):
        raise ValueError("lists an object without a 'name': give it one, or write it as a text")
    said = "" if _is_missing(description) else f": {_plain(description)}"
    others = [f"{key}: {_plain(item[key])}" for key in item if key not in _CRITERION]
    return f"{_plain(name)}{said}" + (f" ({', '.join(others)})" if others else "")


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple | Mapping):
        raise ValueError(_NESTED)  # noqa: TRY004 - a field's value, not an argument's type
    return value if isinstance(value, str) else json_text(value)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], (), {})
