"""Headers that tell rate limits, in the servers' dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from revloop.engines.rate_headers import Allowance, Allowances, asked_wait_s, read_allowances

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = [
    *("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    *("x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    *("Date", "Retry-After", "retry-after-ms", "x-tokenlimit-limit", "x-tokenlimit-remaining"),
]


def said(**headers: str) -> Allowances | None:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_allowances(CIMultiDict(names))


def reset_s(told: str, date: str = "Sun, 29 Nov 2026 03:00:00 GMT") -> float | None:
    allowances = said(
        x_ratelimit_limit_requests="60",
        x_ratelimit_remaining_requests="59",
        x_ratelimit_reset_requests=told,
        date=date,
    )
    assert allowances is not None
    assert allowances.requests is not None
    return allowances.requests.reset_s


OPENAI = {
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-remaining-requests": "59",
    "x-ratelimit-reset-requests": "1s",
    "x-ratelimit-limit-tokens": "150000",
    "x-ratelimit-remaining-tokens": "149984",
    "x-ratelimit-reset-tokens": "6m0s",
}
GROQ = {
    "x-ratelimit-limit-requests": "14400",
    "x-ratelimit-remaining-requests": "14370",
    "x-ratelimit-reset-requests": "2m59.56s",
    "x-ratelimit-limit-tokens": "18000",
    "x-ratelimit-remaining-tokens": "17997",
    "x-ratelimit-reset-tokens": "7.66s",
}
ANTHROPIC = {
    "Date": "Sun, 29 Nov 2026 03:00:00 GMT",
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "49",
    "anthropic-ratelimit-requests-reset": "2026-11-29T03:00:02Z",
    "anthropic-ratelimit-tokens-limit": "40000",
    "anthropic-ratelimit-tokens-remaining": "39000",
    "anthropic-ratelimit-tokens-reset": "2026-11-29T03:00:01Z",
}
TOGETHER = {
    "x-ratelimit-limit": "10",
    "x-ratelimit-remaining": "9",
    "x-ratelimit-reset": "1",
    "x-tokenlimit-limit": "3000.0",
    "x-tokenlimit-remaining": "2900",
}


@pytest.mark.parametrize(
    ("headers", "requests", "tokens"),
    [
        (OPENAI, Allowance(60, 59, 1.0), Allowance(150000, 149984, 360.0)),
        (GROQ, Allowance(14400, 14370, 179.56), Allowance(18000, 17997, 7.66)),
        (ANTHROPIC, Allowance(50, 49, 2.0), Allowance(40000, 39000, 1.0)),
        (TOGETHER, Allowance(10, 9, 1.0), Allowance(3000, 2900, 1.0)),
    ],
    ids=["openai", "groq", "anthropic", "together"],
)
def test_the_limits_are_read_in_the_servers_dialects(
    headers: Mapping[str, str], requests: Allowance, tokens: Allowance
) -> None:
    assert read_allowances(CIMultiDict(headers)) == (requests, tokens)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("20ms", 0.02),
        ("1h2m3s", 3723.0),
        ("23h47m36.648s", 85656.648),
        ("60", 60.0),
        ("0", 0.0),
        ("1795921230", 30.0),
        ("1795921230000", 30.0),
        ("2026-11-29T03:00:30+00:00", 30.0),
        ("2026-11-29T02:00:30Z", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_a_reset_is_a_duration_or_a_time(told: str, seconds: float | None) -> None:
    assert reset_s(told) == (None if seconds is None else pytest.approx(seconds))


def test_azures_unknown_limits_are_none() -> None:
    assert said(x_ratelimit_limit_tokens="-1", x_ratelimit_remaining_tokens="-1") is None


def test_a_limit_without_what_remains_says_nothing() -> None:
    assert said(x_ratelimit_limit_requests="60") is None
    assert said(x_ratelimit_remaining_requests="60") is None
    assert said() is None


def test_milliseconds_to_wait_are_preferred_because_they_are_exact() -> None:
    assert asked_wait_s(CIMultiDict({"Retry-After": "1", "retry-after-ms": "120"})) == 0.12


@pytest.mark.parametrize(("told", "seconds"), [("soon", 2.0), ("-1", 2.0)])
def test_malformed_milliseconds_are_ignored(told: str, seconds: float) -> None:
    assert asked_wait_s(CIMultiDict({"Retry-After": "2", "retry-after-ms": told})) == seconds


@given(st.dictionaries(st.sampled_from(NAMES), st.text() | st.from_regex(r"\A[0-9.a-z:TZ-]*\Z")))
def test_any_headers_give_sound_numbers_or_none(headers: dict[str, str]) -> None:
    allowances = read_allowances(CIMultiDict(headers))
    for allowance in allowances or ():
        if allowance is not None:
            assert 0 <= allowance.remaining <= allowance.limit
            assert allowance.reset_s is None or allowance.reset_s >= 0
    wait_s = asked_wait_s(CIMultiDict(headers))
    assert wait_s is None or wait_s >= 0
