"""The form that a client asks an answer to have: JSON, JSON by a schema, or something else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from revloop.checks.builtin.json_schema import json_validator
from revloop.gateway.refusals import invalid
from revloop.values import json_text

if TYPE_CHECKING:
    from collections.abc import Callable

_SCHEMA_FIELDS = ("guided_json", "json_schema")
"""Fields of a request that are a JSON schema: of older vLLMs, of llama.cpp and SGLang."""
_OTHER_FIELDS = (
    *("guided_regex", "guided_choice", "guided_grammar"),
    *("grammar", "regex", "ebnf"),
)
"""Fields that ask these servers for a form that is not JSON."""


@dataclass(frozen=True, slots=True)
class AskedForm:
    """The form that a client asks for.

    Attributes:
        is_json: Whether it is JSON; another form cannot be checked.
        schema: The JSON schema; None without one.
    """

    is_json: bool
    schema: object = None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> AskedForm | None:
        """The form that a request asks for; None if any text will do."""
        asked = body.get("response_format")
        if isinstance(asked, Mapping) and asked.get("type") not in {None, "text"}:
            return cls._of_response_format(asked)
        structured = body.get("structured_outputs")
        if isinstance(structured, Mapping) and any(structured.values()):
            is_json = bool(structured.get("json") or structured.get("json_object"))
            return cls(is_json, structured.get("json") or None)
        schema = next((body[name] for name in _SCHEMA_FIELDS if body.get(name)), None)
        if schema is not None:
            return cls(is_json=True, schema=schema)
        return cls(is_json=False) if any(body.get(name) for name in _OTHER_FIELDS) else None

    @classmethod
    def _of_response_format(cls, asked: Mapping[str, Any]) -> AskedForm:
        given = asked.get("json_schema")
        schema = given.get("schema") if isinstance(given, Mapping) else asked.get("schema")
        return cls(is_json=asked["type"] in {"json_object", "json_schema"}, schema=schema)

    @property
    def mark(self) -> str:
        """What stands for the form in the conversation that the critic sees."""
        if self.schema is None:
            return "[response format] JSON"
        said = self.schema if isinstance(self.schema, str) else json_text(self.schema)
        return f"[response format] JSON that fits this schema: {said}"

    def checker(self) -> Callable[[str], bool]:
        """Tells whether a text is JSON of this form.

        Raises:
            RefusedRequestError: The schema is none.
            MissingExtraError: A schema needs the package jsonschema.
        """
        validator = None
        if self.schema is not None:
            try:
                schema = self.schema
                validator = json_validator(from_json(schema) if isinstance(schema, str) else schema)
            except ValueError as exc:
                said = f"The form that is asked for has no JSON schema: {exc}."
                raise invalid(said, "response_format") from exc

        def is_usable(text: str) -> bool:
            try:
                value = from_json(text, allow_inf_nan=False)
            except ValueError:
                return False
            return validator is None or bool(validator.is_valid(value))

        return is_usable
