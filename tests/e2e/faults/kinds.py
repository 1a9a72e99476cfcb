"""The faults of a server, and which request meets which."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Fault(StrEnum):
    """A fault of a request. The values are the names in the docs' table."""

    REFUSED = "the port is closed briefly"
    RESET = "reset in the middle of the body"
    BUSY = "429"
    BUSY_SECONDS = "429, Retry-After: 3600"
    BUSY_DATE = "429, Retry-After: a date in one hour"
    ERROR_500 = "500"
    ERROR_502 = "502 with an HTML page"
    ERROR_503 = "503"
    HTML = "an HTML page with status 200"
    TRUNCATED_JSON = "truncated JSON"
    WRONG_SHAPE = "JSON of a wrong shape"
    NO_CHOICES = "an empty list of choices"
    UNKNOWN_FINISH = "an unknown finish_reason"
    LATE = "a reply after the deadline"
    DRIP = "single bytes, slowly"
    WEDGED = "no reply"
    ENDLESS = "an endless body"
    PACKED = "a compressed gigabyte"
    REDIRECT = "a redirect to another host"

    @property
    def is_slow(self) -> bool:
        """Whether only the client's deadline ends it."""
        return self in {Fault.LATE, Fault.DRIP, Fault.WEDGED}

    @property
    def is_quick(self) -> bool:
        """Whether it ends at once and the next try does not wait long."""
        return not self.is_slow and self not in {Fault.BUSY_SECONDS, Fault.BUSY_DATE}


@dataclass(frozen=True, slots=True)
class Plan:
    """The share of requests that meets each fault.

    The seed, the content of a request and the number of earlier tries decide its fault; time and
    order of arrival do not matter.

    Attributes:
        shares: From 0 to 1 for each fault, together at most 1. Other requests succeed.
        seed: Selects the requests.
        spared: Paths whose requests always succeed.
    """

    shares: Mapping[Fault, float] = field(default_factory=dict)
    seed: int = 0
    spared: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if min(self.shares.values(), default=0) < 0 or sum(self.shares.values()) > 1 + 1e-9:
            raise ValueError("shares are from 0 to 1, and together at most 1")

    @classmethod
    def evenly(cls, share: float, seed: int = 0) -> Plan:
        """Divide a share evenly among all faults."""
        return cls({fault: share / len(Fault) for fault in Fault}, seed)

    def fault_of(self, content: str, times_before: int) -> Fault | None:
        """The fault of a request, or None if it succeeds."""
        drawn = random.Random(f"{self.seed} {content} {times_before}").random()
        for fault, share in self.shares.items():
            drawn -= share
            if drawn < 0:
                return fault
        return None
