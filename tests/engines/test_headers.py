"""The headers of each request: what is sent, and what is never quoted."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from revloop.engines.address import Address
from revloop.engines.headers import Headers
from revloop.errors import InputError

SERVER = Address.read("http://127.0.0.1:8000")
AZURE = Address.read("http://127.0.0.1:8000/openai/v1?api-version=preview")


def headers(key: str | None, address: Address = SERVER, **added: str) -> Headers:
    """Headers with a key and others."""
    secrets = {name: SecretStr(value) for name, value in added.items()}
    return Headers.of(None if key is None else SecretStr(key), secrets, address)


def test_a_key_is_sent_as_bearer_token() -> None:
    assert headers("sesame\n").sent["Authorization"] == "Bearer sesame"
    assert "Authorization" not in headers(None).sent


def test_azure_gets_the_key_in_its_own_header_too() -> None:
    assert headers("sesame", AZURE).sent["api-key"] == "sesame"
    assert "api-key" not in headers("sesame").sent


def test_a_users_header_replaces_ours_whatever_its_case() -> None:
    sent = headers("sesame", authorization="Basic eA==").sent
    assert sent["authorization"] == "Basic eA=="
    assert "Authorization" not in sent


def test_a_secret_that_contains_another_is_replaced_whole() -> None:
    made = headers("sesame", token="open sesame now")
    said = made.without_secrets(b"neither 'open sesame now' nor 'sesame' opens it")
    assert said == b"neither '(a header)' nor '(the key)' opens it"


def test_no_secret_is_shown_by_repr() -> None:
    assert "sesame" not in repr(headers("sesame", token="open sesame now"))


@pytest.mark.parametrize("value", ["sésame", "se\nsame", "se\x7fsame"])
def test_a_value_that_no_header_can_carry_is_refused(value: str) -> None:
    with pytest.raises(InputError, match="The API key contains characters that an HTTP header"):
        headers(value)
    with pytest.raises(InputError, match="The value of the header token contains"):
        headers(None, token=value)
