"""The check of JSON: valid, and by a schema."""

from __future__ import annotations

from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, PrivateAttr
from pydantic_core import from_json

from revloop.checks.builtin.base import BuiltInCheck, Flaw
from revloop.checks.builtin.files import FromFolder
from revloop.checks.builtin.patterns import LIMIT_S, compiled
from revloop.errors import InputError, failure_line, needs
from revloop.files.text import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SHOWN = 10
_SHOWN_CHARACTERS = 160


class Json(BuiltInCheck):
    """The text is JSON, and nothing else; with a schema, JSON of that form.

    References to other files and addresses in a schema are not followed.
    """

    kind: Literal["json"] = "json"
    schema_file: FromFolder | None = Field(
        default=None, alias="schema", description="File with a JSON schema."
    )
    _schema: str | None = PrivateAttr(default=None)

    def model_post_init(self, context: object, /) -> None:  # noqa: ARG002 - pydantic's signature
        """Read the schema.

        Raises:
            InputError: It cannot be read, or is no schema.
            MissingExtraError: The package jsonschema is not installed.
        """
        if self.schema_file is not None:
            self._schema = _read(self.schema_file)
            try:
                _validator(self._schema)
            except ValueError as exc:
                raise InputError(f"{self.schema_file} is not a JSON schema: {exc}.") from exc

    def flaws(self, original: str, text: str) -> Iterator[Flaw]:  # noqa: ARG002 - not compared
        """The first error of the JSON, or the first ones by the schema."""
        try:
            value = from_json(text, allow_inf_nan=False)
        except ValueError as exc:
            is_fenced = text.lstrip().startswith("```")
            hint = " Leave out the code fence around it." if is_fenced else ""
            yield Flaw(f"The text is not valid JSON: {failure_line(exc)}.{hint}")
            return
        if self._schema is not None:
            for error in islice(_validator(self._schema).iter_errors(value), _SHOWN):
                yield Flaw(f"The JSON does not match its schema at {_what(error)}.")

    def identity(self) -> dict[str, Any]:
        """The settings, with the schema's content instead of its path."""
        return {**super().identity(), "schema_file": self._schema}

    def may_take_long(self) -> bool:
        """It may, if the schema has patterns."""
        return self._schema is not None


def _read(path: Path) -> str:
    text = read_text(path)
    try:
        from_json(text)
    except ValueError as exc:
        raise InputError(f"The JSON schema {path} is not JSON: {exc}.") from exc
    return text


@cache
def _validator(text: str) -> Any:
    return json_validator(from_json(text))


def json_validator(schema: object) -> Any:
    """The validator of a schema, which reads nothing from elsewhere.

    Raises:
        ValueError: It is no schema.
        MissingExtraError: The package jsonschema is not installed.
    """
    if not isinstance(schema, dict | bool):
        raise ValueError("it is no object")  # noqa: TRY004 - the file's content, not an argument
    with needs("JSON schemas need the package jsonschema: pip install 'revloop[checks]'."):
        import jsonschema
        from referencing import Registry
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as exc:
        raise ValueError(_what(exc)) from exc

    def matches(_: object, pattern: str, text: object, __: object) -> Iterator[Any]:
        """The keyword ``pattern``, with a limit of its time."""
        if isinstance(text, str) and not compiled(pattern).search(
            text, timeout=LIMIT_S, concurrent=True
        ):
            yield jsonschema.ValidationError(f"{text!r} does not match {pattern!r}")

    # a registry of its own: the default one would fetch references from the network
    return jsonschema.validators.extend(kind, {"pattern": matches})(schema, registry=Registry())


def _what(error: Any) -> str:
    """Where an error is, and what."""
    message = str(error.message)
    if len(message) > _SHOWN_CHARACTERS:  # it quotes the value
        half = _SHOWN_CHARACTERS // 2
        message = f"{message[:half]}…{message[-half:]}"
    return f"{str(error.json_path)[:_SHOWN_CHARACTERS]}: {message}"
