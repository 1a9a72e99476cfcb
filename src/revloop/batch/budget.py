"""A batch's budget: what its requests took, and whether that is enough."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

from revloop.engines.metering import spending_of
from revloop.options.budget import BudgetOptions, deadline_s
from revloop.trajectory import Spending, summed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from revloop.options.prices import Prices


class Budget:
    """What one run of a batch may spend, and has spent.

    Args:
        options: The limits.
        prices: The prices of the models; None: money is not counted.
        clock: Tells the time in seconds.

    Attributes:
        prices: As given.
        in_store: What all rounds of the store's run took, if some were there before this run.
    """

    def __init__(
        self,
        options: BudgetOptions | None = None,
        prices: Prices | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.prices = prices
        self.in_store: Spending | None = None
        self._options = options or BudgetOptions()
        self._clock = clock
        self._parts: tuple[object, ...] = ()
        text, now = self._options.deadline, datetime.now().astimezone()
        self._ends_at_s = None if text is None else clock() + deadline_s(text, now)

    def watch(self, parts: Iterable[object]) -> None:
        """Count what engines and judges take.

        Raises:
            InputError: Money is counted, and a model has no price.
        """
        self._parts = tuple(parts)
        if self.prices is not None:
            self.prices.require(self.spending.by_model)

    @property
    def is_told(self) -> bool:
        """Whether the user asked what is spent."""
        return bool(self._options.limits) or self.prices is not None

    @property
    def counts_tokens(self) -> bool:
        """Whether a limit needs the tokens of requests."""
        limits = self._options
        return limits.max_tokens_total is not None or limits.max_cost is not None

    @property
    def spending(self) -> Spending:
        """What all of them took so far, in this run."""
        return summed(map(spending_of, self._parts))

    @property
    def left_s(self) -> float | None:
        """Seconds to the deadline; None without one."""
        return None if self._ends_at_s is None else max(0.0, self._ends_at_s - self._clock())

    def reached(self, under_way: int = 0) -> str | None:
        """Which limit is reached, as a sentence; None: a round may start.

        Args:
            under_way: Requests that are sent and not yet counted.
        """
        if not self._options.limits:
            return None
        limits, spent = self._options, self.spending
        if limits.max_requests is not None and spent.requests + under_way >= limits.max_requests:
            return f"The budget of {limits.max_requests:,} requests is reached."
        if limits.max_tokens_total is not None and spent.tokens >= limits.max_tokens_total:
            return f"The budget of {limits.max_tokens_total:,} tokens is reached."
        prices, most = self.prices, limits.max_cost
        if most is not None and prices is not None and prices.cost_of(spent) >= most:
            return f"The budget of {prices.amount(most)} is reached."
        if self.left_s == 0.0:
            return f"The deadline ({limits.deadline}) is reached."
        return None

    def left(self) -> list[str]:
        """What is left of each limit but the deadline."""
        return list(self._left())

    def _left(self) -> Iterator[str]:
        limits, spent = self._options, self.spending
        if limits.max_requests is not None:
            yield f"{max(0, limits.max_requests - spent.requests):,} requests"
        if limits.max_tokens_total is not None:
            yield f"{max(0, limits.max_tokens_total - spent.tokens):,} tokens"
        if limits.max_cost is not None and self.prices is not None:
            yield self.prices.amount(max(0.0, limits.max_cost - self.prices.cost_of(spent)))
