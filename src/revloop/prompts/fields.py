"""Fields of a draft in templates: ``${extra.rubric}`` stands for the draft's field ``rubric``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self

from pydantic import AfterValidator, Field

from revloop.errors import MissingFieldError, PromptSetError
from revloop.prompts.templates import FIELD, PromptTemplate, placeholders
from revloop.values import json_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from revloop.trajectory import Draft

_CRITERION = ("name", "description")
_NESTED = "is nested too deeply: write it as a text, a list of texts, or a list of criteria"


def fields_in(templates: Iterable[str]) -> frozenset[str]:
    """The fields of a draft that templates name."""
    names = frozenset[str]().union(*map(placeholders, templates))
    return frozenset(name.removeprefix(FIELD) for name in names if name.startswith(FIELD))


class Fields(NamedTuple):
    """The fields that templates may show.

    Attributes:
        own: The draft's own.
        defaults: Values of fields that it lacks.
        owner: Names the draft in messages.
    """

    own: Mapping[str, Any]
    defaults: Mapping[str, Any]
    owner: str = "the draft"

    @classmethod
    def of(cls, draft: Draft | None, defaults: Mapping[str, Any]) -> Self:
        """The fields of a draft; without one, the defaults alone."""
        if draft is None:
            return cls({}, defaults)
        return cls(draft.extra, defaults, f"draft {draft.key}")

    def value(self, name: str) -> Any:
        """A field's value. A null, a blank text and an empty list or object count as missing.

        Raises:
            MissingFieldError: The draft lacks it, and there is no default.
        """
        value = self.own.get(name)
        if not _is_missing(value):
            return value
        if name in self.defaults:
            return self.defaults[name]
        raise MissingFieldError(
            f"{self.owner} has no field '{name}', which the prompt set uses: fill it in, or give a "
            "default in the table [fields] of the set's settings"
        )

    def text(self, name: str) -> str:
        """A field as it stands in a prompt.

        Raises:
            MissingFieldError: The draft lacks it, or its value cannot be shown.
        """
        try:
            return shown(self.value(name))
        except ValueError as exc:
            raise MissingFieldError(f"the field '{name}' of {self.owner} {exc}") from exc

    def fill(self, template: str, **values: str) -> str:
        """A template with its values, in a single pass.

        Raises:
            MissingFieldError: The draft lacks a field of the template, or it cannot be shown.
        """
        fields = {FIELD + name: self.text(name) for name in sorted(fields_in([template]))}
        return PromptTemplate(template).substitute(fields, **values)


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


def _can_be_shown(defaults: dict[str, Any]) -> dict[str, Any]:
    for name, value in defaults.items():
        try:
            shown(value)
        except ValueError as exc:
            raise ValueError(f"'{name}' {exc}") from exc
    return defaults


FieldDefaults = Annotated[
    dict[str, Any],
    AfterValidator(_can_be_shown),
    Field(description="Values of ${extra.NAME} for drafts that lack the field, by name."),
]
"""The table ``[fields]`` of a prompt set's settings."""


def refuse_unused(defaults: Mapping[str, Any], templates: Iterable[str], settings: Path) -> None:
    """Refuse a default that no template uses: its name is probably misspelt.

    Raises:
        PromptSetError: There is one.
    """
    if unused := sorted(defaults.keys() - fields_in(templates)):
        raise PromptSetError(
            f"{settings}: no template uses ${{extra.{unused[0]}}}, so it needs no default in the "
            "table [fields]."
        )
