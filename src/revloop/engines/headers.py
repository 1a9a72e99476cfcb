"""The headers of each request to a server: the key, and those that the user adds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from revloop.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

    from revloop.engines.address import Address

_UNCOMPRESSED = {"Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Headers:
    """What is sent with each request, and must not be quoted.

    Attributes:
        added: The names of the user's headers, in lower case.
        sent: The headers: the user's replace ours.
    """

    added: tuple[str, ...]
    sent: Mapping[str, str] = field(repr=False)
    _secrets: Mapping[bytes, bytes] = field(repr=False)
    """What stands for each secret, the longest first."""

    @classmethod
    def of(
        cls, api_key: SecretStr | None, headers: Mapping[str, SecretStr], address: Address
    ) -> Self:
        """The headers for a server.

        Raises:
            InputError: The key, or the value of a header, cannot be sent.
        """
        key = "" if api_key is None else _usable(api_key, "API key")
        users = {
            name: _usable(value, f"value of the header {name}") for name, value in headers.items()
        }
        added = tuple(sorted(map(str.lower, users)))
        ours = dict(_UNCOMPRESSED)
        if key:
            ours["Authorization"] = f"Bearer {key}"
        if key and address.needs_azure_header:
            ours["api-key"] = key
        sent = {name: value for name, value in ours.items() if name.lower() not in added} | users
        secrets = {**dict.fromkeys(users.values(), b"(a header)"), key: b"(the key)"}
        longest = sorted(filter(None, secrets), key=len, reverse=True)
        return cls(added, sent, {secret.encode(): secrets[secret] for secret in longest})

    def without_secrets(self, body: bytes) -> bytes:
        """A server's words without the key and the user's headers, which some servers repeat."""
        for secret, stand_in in self._secrets.items():
            body = body.replace(secret, stand_in)
        return body


def _usable(secret: SecretStr, what: str) -> str:
    value = secret.get_secret_value().strip()
    if not value.isascii() or not value.isprintable():
        raise InputError(f"The {what} contains characters that an HTTP header cannot carry.")
    return value
