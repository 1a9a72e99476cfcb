"""Requests and tokens a minute: what may be sent when. The waiting itself is elsewhere."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from revloop.engines.rate_headers import Allowance, Allowances

_MINUTE_S = 60.0
_SLACK = 1.02
"""Requests take different times to arrive: the server's minute may begin later than ours."""
_BYTES_A_TOKEN = 4
"""By OpenAI's rule of thumb for English; in UTF-8, it is nearly right for other scripts."""


@dataclass(slots=True, eq=False)
class Entry:
    """An amount that was spent at a time by the clock."""

    at: float
    amount: int
    counts: bool = True


class SlidingWindow:
    """At most ``limit`` in any span of time. An amount above it is let through alone.

    Args:
        limit: Most requests or tokens.
        span_s: Length of the span in seconds.
    """

    def __init__(self, limit: int, span_s: float) -> None:
        self._limit = limit
        self._span_s = span_s
        self._entries: deque[Entry] = deque()
        self._spent = 0

    def wait_s(self, amount: int, now: float) -> float:
        """Seconds until the amount may be spent, if nothing else is spent before."""
        while self._entries and self._entries[0].at + self._span_s <= now:
            gone = self._entries.popleft()
            gone.counts = False
            self._spent -= gone.amount
        excess = self._spent + min(amount, self._limit) - self._limit
        until = now
        for entry in self._entries:
            if excess <= 0:
                break
            excess -= entry.amount
            until = entry.at + self._span_s
        return until - now

    def spend(self, amount: int, now: float) -> Entry:
        """Spend an amount now."""
        entry = Entry(now, amount)
        self._entries.append(entry)
        self._spent += amount
        return entry

    def correct(self, entry: Entry, amount: int) -> None:
        """Replace the amount of an entry."""
        if entry.counts:
            self._spent += amount - entry.amount
            entry.amount = amount


class ServerAllowance:
    """What a server last said it would still accept, less what was sent since.

    Whether it refills continuously or at once is unknown, so nothing is assumed to have been added
    before everything has.

    Args:
        minute_s: Seconds in which a limit refills if the server does not tell; and the longest wait
            on its word. Limits by the day that refill continuously report a whole day.
    """

    def __init__(self, minute_s: float) -> None:
        self._minute_s = minute_s
        self._limit = 0
        self._remaining = 0
        self._full_at = -math.inf
        self._is_long = False
        self._told_by = -1

    def note(self, said: Allowance, number: int, in_flight: int, now: float) -> None:
        """Take over what a reply says.

        Replies to earlier requests than the last one know less, and are ignored.

        Args:
            said: What the reply says.
            number: The number of its request, in the order of sending.
            in_flight: What other requests spent that may not be in it yet.
            now: The time.
        """
        if number < self._told_by:
            return
        self._told_by = number
        self._limit, self._remaining = said.limit, said.remaining - in_flight
        reset_s = said.reset_s or self._minute_s  # Azure rounds down to 0 s
        self._is_long = reset_s > self._minute_s
        self._full_at = now + min(reset_s, self._minute_s)
        self._fill_later(in_flight, now)

    def wait_s(self, amount: int, now: float) -> float:
        """Seconds until the amount may be spent, if nothing else is spent before."""
        if not self._limit:
            return 0.0
        needed = min(amount, self._limit)
        if now >= self._full_at:
            # after a wait for a longer reset, one request finds out
            self._remaining = max(self._remaining, needed) if self._is_long else self._limit
        return 0.0 if self._remaining >= needed else self._full_at - now

    def spend(self, amount: int, now: float) -> None:
        """Spend an amount now."""
        if self._limit:
            self._remaining -= amount
            self._fill_later(amount, now)

    def give_back(self, amount: int) -> None:
        """An amount was not spent after all."""
        self._remaining += amount

    def _fill_later(self, amount: int, now: float) -> None:
        latest = now + self._minute_s
        full_at = max(self._full_at, now) + amount / self._limit * self._minute_s
        self._full_at = latest if self._is_long else min(full_at, latest)


@dataclass(slots=True, eq=False)
class Spent:
    """What one request spends.

    Attributes:
        number: Its number in the order of sending.
        tokens: Its tokens, as estimated.
        request: Its entry under the limit of requests, if there is one.
        token: Its entry under the limit of tokens, if there is one.
        is_under_way: Whether it has been sent and not answered.
    """

    number: int
    tokens: int
    request: Entry | None
    token: Entry | None
    is_under_way: bool = True


class RateLimits:
    """The limits that the user and the server set, and what has been spent of them.

    Args:
        rpm: Most requests a minute; None: only the server limits them.
        tpm: Most tokens a minute, of prompts and answers; None: only the server limits them.
        now: A clock in seconds.
        minute_s: Seconds in a minute, for tests.

    Attributes:
        in_flight: Requests sent and not answered.
    """

    def __init__(
        self,
        rpm: int | None = None,
        tpm: int | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
        minute_s: float = _MINUTE_S,
    ) -> None:
        self._now = now
        self._rpm = None if rpm is None else SlidingWindow(rpm, minute_s * _SLACK)
        self._tpm = None if tpm is None else SlidingWindow(tpm, minute_s * _SLACK)
        self._requests, self._tokens = ServerAllowance(minute_s), ServerAllowance(minute_s)
        self._held_until = -math.inf
        self._sent = 0
        self._tokens_in_flight = 0
        self.in_flight = 0

    def wait_s(self, tokens: int) -> float:
        """Seconds until a request may be sent if no other is; 0: now.

        Args:
            tokens: Its tokens, as estimated.
        """
        now = self._now()
        return max(
            0.0,
            self._held_until - now,
            0.0 if self._rpm is None else self._rpm.wait_s(1, now),
            0.0 if self._tpm is None else self._tpm.wait_s(tokens, now),
            self._requests.wait_s(1, now),
            self._tokens.wait_s(tokens, now),
        )

    def spend(self, tokens: int) -> Spent:
        """Count a request that is sent now."""
        now = self._now()
        self._sent += 1
        self.in_flight += 1
        self._tokens_in_flight += tokens
        self._requests.spend(1, now)
        self._tokens.spend(tokens, now)
        return Spent(
            number=self._sent,
            tokens=tokens,
            request=None if self._rpm is None else self._rpm.spend(1, now),
            token=None if self._tpm is None else self._tpm.spend(tokens, now),
        )

    def note(self, spent: Spent, said: Allowances) -> None:
        """Take over what a request's reply says about the server's limits."""
        now = self._now()
        if said.requests is not None:
            self._requests.note(said.requests, spent.number, self.in_flight - 1, now)
        if said.tokens is not None:
            others = self._tokens_in_flight - spent.tokens
            self._tokens.note(said.tokens, spent.number, others, now)

    def correct(self, spent: Spent, tokens: int) -> None:
        """Count a request's tokens as its reply reports them.

        Only under the user's limit: what the server counts, it tells itself.
        """
        if self._tpm is not None and spent.token is not None:
            self._tpm.correct(spent.token, tokens)

    def finish(self, spent: Spent) -> None:
        """A request was answered, or given up."""
        if spent.is_under_way:
            spent.is_under_way = False
            self.in_flight -= 1
            self._tokens_in_flight -= spent.tokens

    def give_back(self, spent: Spent) -> None:
        """A request never reached the server."""
        if self._rpm is not None and spent.request is not None:
            self._rpm.correct(spent.request, 0)
        self.correct(spent, 0)
        self._requests.give_back(1)
        self._tokens.give_back(spent.tokens)

    def hold(self, wait_s: float) -> None:
        """Send nothing for a time, because the server asked for it."""
        self._held_until = max(self._held_until, self._now() + wait_s)


def estimated_tokens(body: Mapping[str, Any], max_tokens: int) -> int:
    """The tokens that a request may take: of its prompt, and all that it may generate.

    Servers count ``max_tokens`` when a request arrives, because they cannot know better (OpenAI,
    "Rate limits"; Azure OpenAI, "Manage quota").

    Args:
        body: The body of a request.
        max_tokens: Most tokens to generate.
    """
    prompt = body.get("prompt")
    if isinstance(prompt, list):
        return len(prompt) + max_tokens
    turns = (message.get("content") for message in body.get("messages") or ())
    texts = [prompt] if prompt else [text for content in turns for text in _texts(content)]
    total = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return math.ceil(total / _BYTES_A_TOKEN) + max_tokens


def _texts(content: object) -> list[str]:
    """The texts of a turn: one, or those of its parts, images and the like left out."""
    parts = content if isinstance(content, list) else [content]
    texts = (part.get("text") if isinstance(part, Mapping) else part for part in parts)
    return [text for text in texts if isinstance(text, str)]
