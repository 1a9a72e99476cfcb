"""What errors of the upstream are to a client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from revloop.errors import (
    AuthenticationError,
    BadReplyError,
    ContentFilterError,
    ContextFullError,
    EngineGoneError,
    InputError,
    ModelNotServedError,
    OverloadedError,
    QuotaError,
    RejectedError,
    RepeatedFaultError,
    RevloopError,
    ServerFaultError,
    SettingRefusedError,
    StoreError,
    UnreachableError,
    WrongAddressError,
)
from revloop.gateway.refusals import refusal_of
from tests.helpers.gateways import running
from tests.helpers.repository import free_port
from tests.helpers.stub_server import CHAT, error

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("failure", "status", "kind", "code"),
    [
        (ContextFullError("No."), 400, "invalid_request_error", "context_length_exceeded"),
        (ContentFilterError("No."), 400, "invalid_request_error", "content_filter"),
        (RepeatedFaultError("No."), 400, "invalid_request_error", "rejected_by_upstream"),
        (RejectedError("No."), 400, "invalid_request_error", "rejected_by_upstream"),
        (SettingRefusedError("No."), 400, "invalid_request_error", "unsupported_parameter"),
        (InputError("No."), 400, "invalid_request_error", "invalid_value"),
        (ModelNotServedError("No."), 404, "invalid_request_error", "model_not_found"),
        (AuthenticationError("No."), 401, "authentication_error", "invalid_api_key"),
        (QuotaError("No."), 429, "rate_limit_error", "insufficient_quota"),
        (OverloadedError("No."), 429, "rate_limit_error", "upstream_overloaded"),
        (UnreachableError("No."), 502, "server_error", "upstream_failed"),
        (ServerFaultError("No."), 502, "server_error", "upstream_failed"),
        (BadReplyError("No."), 502, "server_error", "upstream_failed"),
        (WrongAddressError("No."), 502, "server_error", "upstream_failed"),
        (EngineGoneError("No."), 502, "server_error", "upstream_failed"),
        (StoreError("No."), 500, "server_error", "not_stored"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_error_has_its_status(
    failure: RevloopError, status: int, kind: str, code: str
) -> None:
    refusal = refusal_of(failure, passes_keys_on=True)
    assert refusal.status == status
    said = {"message": "No.", "type": kind, "param": None, "code": code}
    assert refusal.body == {"error": said}


@pytest.mark.parametrize("failure", [AuthenticationError("No."), QuotaError("No.")])
def test_a_client_is_not_blamed_for_the_gateways_own_key(failure: RevloopError) -> None:
    assert refusal_of(failure, passes_keys_on=False).status == 502


def test_a_refused_setting_is_named() -> None:
    refused = SettingRefusedError("No.", parameter="seed")
    assert refusal_of(refused, passes_keys_on=True).body["error"]["param"] == "seed"


@pytest.mark.parametrize(("asked_s", "told"), [(None, "1"), (0.2, "1"), (7.1, "8")])
def test_a_busy_upstreams_wait_is_passed_on(asked_s: float | None, told: str) -> None:
    busy = OverloadedError("Not now.", retry_after_s=asked_s)
    assert refusal_of(busy, passes_keys_on=True).headers == {"Retry-After": told}


async def test_a_client_learns_what_the_upstream_said(tmp_path: Path) -> None:
    async with running(tmp_path) as up:
        up.upstream.on(CHAT, error(400, "max_tokens is too large"))
        refusal = await up.refused(400)
        assert "max_tokens is too large" in refusal["message"]
        assert up.stored() == []


async def test_a_gateway_without_an_upstream_ends_at_once(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="Is the server running"):
        async with running(tmp_path, upstream=f"http://127.0.0.1:{free_port()}"):
            pass
