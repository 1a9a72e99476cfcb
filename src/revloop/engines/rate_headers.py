"""Headers in which servers tell their rate limits, and how long to wait.

Sources: the rate limit pages of OpenAI (durations such as ``6m0s``), Groq (``7.66s``), Azure OpenAI
(whole seconds, and -1 for unknown), Together (``x-tokenlimit-*``) and Anthropic (RFC 3339 times);
``retry-after-ms`` is Azure's.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?")
_PART = r"[0-9]{1,9}(?:\.[0-9]{1,9})?(?:ns|us|µs|ms|[smhd])"
_DURATION = re.compile(f"(?:{_PART})+")
_PARTS = re.compile(r"([0-9.]+)(ns|us|µs|ms|[smhd])")
_UNIT_S = {"d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_AN_EPOCH = 1e9
_AN_EPOCH_IN_MS = 1e11


class Allowance(NamedTuple):
    """What a server says about one limit.

    Attributes:
        limit: Most requests or tokens.
        remaining: What is left of them.
        reset_s: Seconds until all of them are available; None if not reported.
    """

    limit: int
    remaining: int
    reset_s: float | None


class Allowances(NamedTuple):
    """What a reply says about rate limits.

    Attributes:
        requests: The limit of requests; None if not reported.
        tokens: The limit of tokens; None if not reported.
    """

    requests: Allowance | None
    tokens: Allowance | None


_Names = tuple[str, str, str]
_OF_REQUESTS: tuple[_Names, ...] = (
    (
        "x-ratelimit-limit-requests",
        "x-ratelimit-remaining-requests",
        "x-ratelimit-reset-requests",
    ),
    (
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    ),
    ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
)
_OF_TOKENS: tuple[_Names, ...] = (
    ("x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    (
        "anthropic-ratelimit-tokens-limit",
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-tokens-reset",
    ),
    ("x-tokenlimit-limit", "x-tokenlimit-remaining", "x-ratelimit-reset"),
)


def read_allowances(headers: Mapping[str, str]) -> Allowances | None:
    """What a reply's headers say about rate limits; None if nothing.

    Args:
        headers: Case-insensitive headers.
    """
    requests, tokens = _allowance(headers, _OF_REQUESTS), _allowance(headers, _OF_TOKENS)
    return None if requests is None and tokens is None else Allowances(requests, tokens)


def asked_wait_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that a reply asks to wait before the next request; None if it does not.

    Args:
        headers: Case-insensitive headers.
    """
    wait_ms = headers.get("retry-after-ms")
    if wait_ms is not None and _NUMBER.fullmatch(wait_ms.strip()):
        return float(wait_ms) / 1000
    return retry_after_s(headers.get("Retry-After"))


def retry_after_s(header: str | None) -> float | None:
    """Seconds that a ``Retry-After`` header asks for (RFC 9110, 10.2.3: seconds or a date)."""
    if header is None:
        return None
    number = header.strip()
    if _NUMBER.fullmatch(number):
        return float(number)
    moment = _http_date(header)
    return None if moment is None else max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _allowance(headers: Mapping[str, str], dialects: tuple[_Names, ...]) -> Allowance | None:
    for limit_name, remaining_name, reset_name in dialects:
        if (said := headers.get(remaining_name)) is None:
            continue
        limit, remaining = _count(headers.get(limit_name)), _count(said)
        if limit and remaining is not None:
            reset_s = _seconds_until(headers.get(reset_name), headers.get("Date"))
            return Allowance(limit, min(remaining, limit), reset_s)
    return None


def _count(said: str | None) -> int | None:
    """A number of requests or tokens; None if negative (unknown) or malformed."""
    said = (said or "").strip()
    return int(float(said)) if _NUMBER.fullmatch(said) else None


def _seconds_until(said: str | None, date: str | None) -> float | None:
    """Seconds until a reset that is told as a duration, as seconds, or as a time.

    Args:
        said: The header.
        date: The reply's ``Date``: the clock by which a time is meant.
    """
    said = (said or "").strip()
    if _DURATION.fullmatch(said):
        return sum(float(number) * _UNIT_S[unit] for number, unit in _PARTS.findall(said))
    now = (_http_date(date) if date else None) or datetime.now(UTC)
    if _NUMBER.fullmatch(said):
        number = float(said)
        if number < _AN_EPOCH:
            return number
        epoch_s = number / 1000 if number > _AN_EPOCH_IN_MS else number
        return max(0.0, epoch_s - now.timestamp())
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return None
    return max(0.0, (_in_utc(moment) - now).total_seconds())


def _http_date(said: str) -> datetime | None:
    try:
        return _in_utc(parsedate_to_datetime(said))
    except (ValueError, OverflowError):
        return None


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
