"""The faults that a server can have, and which request meets which."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Fault(StrEnum):
    """What can happen to a request. The values are the names in the table of the docs."""

    REFUSED = "the port is closed for a moment"
    RESET = "reset in the middle of the body"
    BUSY = "429"
    BUSY_SECONDS = "429, Retry-After: 3600"
    BUSY_DATE = "429, Retry-After: a date in an hour"
    ERROR_500 = "500"
    ERROR_502 = "502 with a page of HTML"
    ERROR_503 = "503"
    HTML = "a page of HTML with status 200"
    TRUNCATED_JSON = "truncated JSON"
    WRONG_SHAPE = "JSON of a wrong shape"
    NO_CHOICES = "an empty list of choices"
    UNKNOWN_FINISH = "a finish_reason that nobody knows"
    LATE = "an answer after the deadline"
    DRIP = "a byte now and then"
    WEDGED = "no answer at all"
    ENDLESS = "a gigabyte without end"
    PACKED = "a small packed body that unpacks to a gigabyte"
    REDIRECT = "a redirect to another host"

    @property
    def is_slow(self) -> bool:
        """Whether only the client's deadline ends it."""
        return self in {Fault.LATE, Fault.DRIP, Fault.WEDGED}

    @property
    def is_quick(self) -> bool:
        """Whether it is over at once, and the next try need not wait long."""
        return not self.is_slow and self not in {Fault.BUSY_SECONDS, Fault.BUSY_DATE}


@dataclass(frozen=True, slots=True)
class Plan:
    """Which share of the requests meets which fault.

    The fault of a request follows from the seed, from what is asked, and from how often it was
    asked before; neither the time nor the order of arrival matters.

    Attributes:
        shares: From 0 to 1 for each fault, together at most 1. What is left is answered well.
        seed: Another seed, other requests.
        spared: Paths whose requests are always answered well.
    """

    shares: Mapping[Fault, float] = field(default_factory=dict)
    seed: int = 0
    spared: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if min(self.shares.values(), default=0) < 0 or sum(self.shares.values()) > 1 + 1e-9:
            raise ValueError("shares are from 0 to 1, and together at most 1")

    @classmethod
    def evenly(cls, share: float, seed: int = 0) -> Plan:
        """All faults together have this share, each the same part of it."""
        return cls({fault: share / len(Fault) for fault in Fault}, seed)

    def fault_of(self, content: str, times_before: int) -> Fault | None:
        """The fault that a request meets, or None for a good answer."""
        drawn = random.Random(f"{self.seed} {content} {times_before}").random()
        for fault, share in self.shares.items():
            drawn -= share
            if drawn < 0:
                return fault
        return None
