"""What every value of revloop is built on: frozen models, UTF-8 texts, digests, exact JSON."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic_core import from_json, to_json

if TYPE_CHECKING:
    from pydantic import ValidationError

_MAY_DIFFER = re.compile(rb"\d[.eE]|-0(?![.\d])")
"""Numbers that Python may write in other letters than they were read in."""


def encodable(text: str) -> str:
    """The same text.

    Raises:
        ValueError: It holds a lone surrogate.
    """
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        where = f"U+{ord(text[exc.start]):04X} at character {exc.start}"
        raise ValueError(f"holds a lone surrogate ({where}), which no encoding can carry") from exc
    return text


Text = Annotated[str, AfterValidator(encodable)]
"""Any text that UTF-8 can carry: all of Unicode but lone surrogates."""


def escaped(text: str) -> str:
    r"""The same text, its lone surrogates written as ``\udc80`` and the like."""
    return text.encode("utf-8", "backslashreplace").decode()


Told = Annotated[str, AfterValidator(escaped)]
"""A message for a person, which may quote anything: lone surrogates are escaped, not refused."""


class Frozen(BaseModel):
    """The base of every value here: immutable, and a key that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


def digest_of(*parts: object, length: int = 16) -> str:
    """A short stable name for some JSON-serialisable values.

    Args:
        parts: Values that :func:`json.dumps` takes. Key order of mappings does not matter.
        length: Number of hexadecimal digits, at most 64.

    Returns:
        The first ``length`` hexadecimal digits of the SHA-256 of the values' canonical JSON.
    """
    # ASCII-only JSON, so that a lone surrogate (legal in a Python string) has bytes to be hashed
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:length]


class Number(float):
    """A JSON number that a float would not reproduce: ``1e400``, ``2.50``, ``-0``.

    It calculates as the nearest float; :func:`json_text` writes it exactly as it was read.

    Args:
        text: The number as it stands in the JSON text.

    Attributes:
        text: The same.
    """

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:  # noqa: D102 - the class tells
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __getnewargs__(self) -> tuple[str]:  # type: ignore[override] # of a float: its value
        return (self.text,)


def read_json(text: str | bytes) -> Any:
    """Parse JSON so that :func:`json_text` can write every number as it was.

    Raises:
        ValueError: The text is not JSON, or cannot be read: lone surrogates, deep nesting, a
            whole number of more than 4,300 digits.
    """
    raw = text.encode() if isinstance(text, str) else text
    data = from_json(raw)
    if _MAY_DIFFER.search(raw) is None:
        return data
    return json.loads(raw, parse_float=_float, parse_int=_int)


def json_text(value: Any) -> str:
    """JSON on one line; each :class:`Number` is written exactly as it was read.

    Args:
        value: Anything that pydantic can serialise.
    """
    return _exactly(value) if has_exact_numbers(value) else _plainly(value)


def has_exact_numbers(value: object) -> bool:
    """Whether there is a :class:`Number` anywhere in mappings and sequences."""
    if isinstance(value, Mapping):
        return any(map(has_exact_numbers, value.values()))
    if isinstance(value, list | tuple):
        return any(map(has_exact_numbers, value))
    return isinstance(value, Number)


def _plainly(value: object) -> str:
    return to_json(value, inf_nan_mode="constants").decode()


def _exactly(value: object) -> str:
    if isinstance(value, Number):
        return value.text
    if isinstance(value, Mapping):
        fields = (f"{_plainly(str(key))}:{_exactly(item)}" for key, item in value.items())
        return f"{{{','.join(fields)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_exactly, value))}]"
    return _plainly(value)


def _float(text: str) -> float:
    number = float(text)
    return number if repr(number) == text and "e" not in text else Number(text)


def _int(text: str) -> int | float:
    return Number(text) if text == "-0" else int(text)


def duration(seconds: float) -> str:
    """A time in the largest unit of which it has two."""
    for unit, size_s in (("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size_s:
            return f"{seconds / size_s:.1f} {unit}"
    return f"{seconds:.1f} s"


def explain(exc: ValidationError, names: Mapping[str, str] | None = None) -> str:
    """A validation error on one line, for a person: where, and what is wrong there.

    Args:
        exc: The error.
        names: What to call fields, if not by their names.
    """
    problems = []
    for error in exc.errors(include_url=False):
        if error["type"] == "default_factory_not_called":
            continue  # a consequence of the field that is named beside it
        first, *rest = [str(part) for part in error["loc"]] or [""]
        where = ".".join([(names or {}).get(first, first), *rest])
        what = error["msg"].removeprefix("Value error, ")
        if error["type"] == "string_unicode":
            is_bytes = isinstance(error["input"], bytes | bytearray)
            half = "holds a lone surrogate, which no encoding can carry"
            what = "holds bytes that are not UTF-8" if is_bytes else half
        problems.append(f"{where}: {what}" if where else what)
    return "; ".join(problems)
