"""What every value of revloop is built on: frozen models, texts that UTF-8 can carry, digests."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

if TYPE_CHECKING:
    from pydantic import ValidationError


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        where = f"U+{ord(text[exc.start]):04X} at character {exc.start}"
        raise ValueError(f"holds a lone surrogate ({where}), which no encoding can carry") from exc
    return text


Text = Annotated[str, AfterValidator(_encodable)]
"""Any text that UTF-8 can carry: all of Unicode but lone surrogates."""


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


def explain(exc: ValidationError) -> str:
    """A validation error on one line, for a person: where, and what is wrong there."""
    problems = []
    for error in exc.errors(include_url=False, include_input=False):
        if error["type"] == "default_factory_not_called":
            continue  # a consequence of the field that is named beside it
        where = ".".join(str(part) for part in error["loc"])
        what = error["msg"].removeprefix("Value error, ")
        if error["type"] == "string_unicode":
            what = "holds a lone surrogate, which no encoding can carry"
        problems.append(f"{where}: {what}" if where else what)
    return "; ".join(problems)
