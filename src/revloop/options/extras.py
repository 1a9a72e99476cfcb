"""What a user adds to each request to a server: fields of its body, and headers."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from revloop.errors import InputError
from revloop.trajectory import Sampling
from revloop.values import json_text, read_json

if TYPE_CHECKING:
    from collections.abc import Sequence

_OF_REVLOOP = {
    *Sampling.model_fields,
    *("model", "prompt", "messages", "stop", "stream", "n", "max_tokens", "max_completion_tokens"),
}
"""Fields of a body that revloop sets, by options of their own."""
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)=([A-Z_][A-Z0-9_]*)")
"""The variable is in capitals: a value that was put there by mistake is not quoted."""
_OF_HTTP = {"host", "content-length", "content-type", "transfer-encoding", "accept-encoding"}


def checked_body(given: Any) -> Any:
    """The text of a JSON object, from its text or from the object (a table of a file).

    Raises:
        ValueError: It is no JSON object, or sets a field that revloop sets.
    """
    if given is None:
        return None
    if isinstance(given, str):
        try:
            given = read_json(given)
        except ValueError as exc:
            raise ValueError(f"is not JSON ({exc})") from exc
    if not isinstance(given, Mapping):
        raise ValueError('is not a JSON object, such as {"service_tier": "flex"}')  # noqa: TRY004
    if taken := sorted(_OF_REVLOOP & given.keys()):
        raise ValueError(f"sets {', '.join(taken)}, which revloop sets: use its options")
    return json_text(given)


def checked_headers(given: Sequence[str]) -> Sequence[str]:
    """Headers as NAME=VARIABLE.

    Raises:
        ValueError: One is not, or is HTTP's own.
    """
    for pair in given:
        match = _HEADER.fullmatch(pair)
        if match is None:
            name = pair.partition("=")[0]
            raise ValueError(
                f"'{name}=...' is not NAME=VARIABLE, a header and the environment variable that "
                "holds its value, as in OpenAI-Project=OPENAI_PROJECT_ID"
            )
        if match[1].lower() in _OF_HTTP:
            raise ValueError(f"{match[1]} is set by HTTP itself")
    return given


def header_values(headers: Sequence[str]) -> dict[str, SecretStr]:
    """The headers' values, from the environment.

    Raises:
        InputError: A variable is not set.
    """
    values = {}
    for pair in headers:
        name, _, variable = pair.partition("=")
        value = os.environ.get(variable, "")
        if not value:
            raise InputError(
                f"The header {name} takes its value from the environment variable {variable}, "
                "which is not set."
            )
        values[name] = SecretStr(value)
    return values
