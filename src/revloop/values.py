"""The base of every value in revloop: frozen models, UTF-8 texts, digests, exact JSON."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic_core import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_MAY_DIFFER = re.compile(rb"\d[.eE]|-0(?![.\d])")
"""Numbers that Python may write differently from how they were read."""


def encodable(text: str) -> str:
    """The text itself, if UTF-8 can encode it.

    Raises:
        ValueError: It contains a lone surrogate.
    """
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        where = f"U+{ord(text[exc.start]):04X} at character {exc.start}"
        raise ValueError(f"contains a lone surrogate ({where}), which UTF-8 cannot encode") from exc
    return text


def no_truth(value: object) -> object:
    """The value itself, unless it is a truth, which Python takes for 0 or 1.

    Raises:
        ValueError: It is true or false.
    """
    if isinstance(value, bool):
        raise ValueError(f"is {str(value).lower()}, not a number")  # noqa: TRY004 - as pydantic needs
    return value


Text = Annotated[str, AfterValidator(encodable)]
"""A text that UTF-8 can encode: all of Unicode except lone surrogates."""


def escaped(text: str) -> str:
    r"""The text with its lone surrogates escaped, as in ``\udc80``."""
    return text.encode("utf-8", "backslashreplace").decode()


AnyText = Annotated[str, AfterValidator(escaped)]
"""A message that may quote anything: lone surrogates are escaped, not refused."""


class Frozen(BaseModel):
    """The base of every value: immutable, and unknown keys are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


# ASCII-only, so that lone surrogates can be hashed too
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def digest_of(*parts: object, length: int = 16) -> str:
    """The first ``length`` hexadecimal digits of the SHA-256 of some values' canonical JSON.

    Args:
        parts: Values that :func:`json.dumps` accepts. The key order of mappings does not matter.
        length: Number of hexadecimal digits, at most 64.
    """
    text = _CANONICAL.encode(parts)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:length]


class Number(float):
    """A JSON number that a float would not reproduce: ``1e400``, ``2.50``, ``-0``.

    It calculates as the nearest float; :func:`json_text` writes it exactly as it was read.

    Attributes:
        text: The number as written in the JSON text.
    """

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:  # noqa: D102 - see the class
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __getnewargs__(self) -> tuple[str]:  # type: ignore[override] # float returns a float
        return (self.text,)


def read_json(text: str | bytes) -> Any:
    """Parse JSON so that :func:`json_text` can write every number as it was.

    Raises:
        ValueError: The text is not JSON, or has lone surrogates, deep nesting or an integer of
            more than 4,300 digits.
    """
    raw = text.encode() if isinstance(text, str) else text
    data = from_json(raw)
    return data if _MAY_DIFFER.search(raw) is None else read_any_json(raw.decode())


def read_any_json(text: str) -> Any:
    """Parse JSON like :func:`read_json`, but with lone surrogates in its strings.

    Raises:
        ValueError: The text is not JSON, or has an integer of more than 4,300 digits.
        RecursionError: It is nested too deeply.
    """
    return json.loads(text, parse_float=_float, parse_int=_int)


def json_text(value: Any) -> str:
    """One line of JSON for a value that pydantic can serialise; each :class:`Number` as read."""
    return _exact_json(value) if has_exact_numbers(value) else _plain_json(value)


class WrittenExactly(Frozen):
    """A value whose JSON keeps numbers from the user's fields exactly as they were read."""

    @property
    def has_exact_numbers(self) -> bool:
        """Whether a user's field contains a :class:`Number`."""
        raise NotImplementedError

    def to_json(self) -> str:
        """The value as one line of JSON."""
        exact = self.has_exact_numbers
        return json_text(self.model_dump()) if exact else self.model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The value that :meth:`to_json` wrote.

        Raises:
            ValueError: The text does not match (a ``pydantic.ValidationError``), or is not JSON.
        """
        return cls.model_validate(read_json(text))


def has_exact_numbers(value: object) -> bool:
    """Whether a value is or contains a :class:`Number`."""
    if isinstance(value, Mapping):
        return any(map(has_exact_numbers, value.values()))
    if isinstance(value, list | tuple):
        return any(map(has_exact_numbers, value))
    return isinstance(value, Number)


def _plain_json(value: object) -> str:
    return to_json(value, inf_nan_mode="constants").decode()


def _exact_json(value: object) -> str:
    if isinstance(value, Number):
        return value.text
    if isinstance(value, Mapping):
        fields = (f"{_plain_json(str(key))}:{_exact_json(item)}" for key, item in value.items())
        return f"{{{','.join(fields)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_exact_json, value))}]"
    return _plain_json(value)


def _float(text: str) -> float:
    number = float(text)
    return number if repr(number) == text and "e" not in text else Number(text)


def _int(text: str) -> int | float:
    return Number(text) if text == "-0" else int(text)


def duration(seconds: float) -> str:
    """A time in the largest unit of which it has at least two."""
    for unit, size_s in (("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size_s:
            return f"{seconds / size_s:.1f} {unit}"
    return f"{seconds:.1f} s"


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """The known name that a misspelt one probably means; None if none is near."""
    return next(iter(get_close_matches(name, list(known), n=1)), None)


def explain(
    exc: ValidationError,
    names: Mapping[str, str] | None = None,
    *,
    model: type[BaseModel] | None = None,
) -> str:
    """A validation error on one line: each field with what is wrong with it.

    Args:
        exc: The error.
        names: Names to show for some fields.
        model: What was validated: the nearest of its fields is told in place of an unknown one.
    """
    problems = []
    errors = exc.errors(include_url=False)
    for error in errors:
        if error["type"] == "default_factory_not_called" or _lacks_bad_items(error, errors):
            continue  # a consequence of another error in the list
        first, *rest = [str(part) for part in error["loc"]] or [""]
        where = ".".join([(names or {}).get(first, first), *rest])
        what = error["msg"].removeprefix("Value error, ")
        if error["type"] == "string_unicode":
            is_bytes = isinstance(error["input"], bytes | bytearray)
            half = "contains a lone surrogate, which UTF-8 cannot encode"
            what = "contains bytes that are not UTF-8" if is_bytes else half
        elif error["type"] == "extra_forbidden":
            near = nearest_name(str(error["loc"][-1]), _fields_at(model, error["loc"][:-1]))
            what = "is not known" if near is None else f"is not known (did you mean '{near}'?)"
        elif error["type"] in {"string_too_short", "too_short"} and not error["input"]:
            what = "is empty"
        elif error["type"] in {"tuple_type", "list_type"}:
            what = "must be a list"
        elif error["type"] in {"model_type", "dict_type"}:
            what = "must be an object of names and values"
        problems.append(f"{where}: {what}" if where else what)
    return "; ".join(problems)


def _lacks_bad_items(error: ErrorDetails, errors: Sequence[ErrorDetails]) -> bool:
    """Whether a list counts as too short because items of it could not be used."""
    where = error["loc"]
    within = (one for one in errors if len(one["loc"]) > len(where))
    return error["type"] == "too_short" and any(one["loc"][: len(where)] == where for one in within)


def _fields_at(model: object, where: tuple[int | str, ...]) -> Iterable[str]:
    """The fields of a model, or of the one within it at a place; none if it is no model."""
    for name in where:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return ()
        field = model.model_fields.get(str(name))
        model = None if field is None else field.annotation
    return model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else ()
