"""What models took, in words, and what is left of a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revloop.cli import output
from revloop.errors import InputError
from revloop.values import duration

if TYPE_CHECKING:
    from revloop.batch import Budget
    from revloop.options import BudgetOptions, Prices
    from revloop.trajectory import Spending


def no_budget_on_ray(budget: BudgetOptions) -> None:
    """Refuse budgets for a batch on Ray, whose actors do not know what the others spend.

    Raises:
        InputError: There is one.
    """
    for name in budget.given:
        raise InputError(
            f"--{name.replace('_', '-')} cannot be used with --ray: its processes do not know what "
            "the others spend. Leave it out, or set limits at the servers."
        )


def tell_spending(budget: Budget) -> None:
    """Say what this run spent and what is left, and what the store's rounds took in all."""
    if not budget.is_told:
        return
    spent, left = budget.spending, budget.left()
    parts = [f"spent in this run: {in_words(spent, budget.prices)}"]
    if left:
        parts.append(f"left: {', '.join(left)}")
    if budget.left_s is not None:
        parts.append(f"until the deadline: {duration(budget.left_s)}")
    output.report("; ".join(parts), spent=_values(spent, budget.prices), left=left)
    if (whole := budget.in_store) is not None:
        output.report(
            f"all rounds of this store's run: {in_words(whole, budget.prices)}",
            in_store=_values(whole, budget.prices),
        )


def in_words(spending: Spending, prices: Prices | None) -> str:
    """Requests, tokens and money, on one line."""
    usage = spending.usage
    cached = "" if usage.cached_tokens is None else f" ({usage.cached_tokens:,} cached)"
    cost = _cost(spending, prices)
    money = "" if prices is None or cost is None else f", {prices.amount(cost)}"
    requests = f"{spending.requests:,} request{'s' * (spending.requests != 1)}"
    return (
        f"{requests}, {usage.prompt_tokens:,} input tokens{cached}, "
        f"{usage.generated_tokens:,} output tokens{money}"
    )


def _values(spending: Spending, prices: Prices | None) -> dict[str, Any]:
    """The same for JSON."""
    usage = spending.usage
    return {
        "requests": spending.requests,
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "generated_tokens": usage.generated_tokens,
        "cost": _cost(spending, prices),
        "currency": None if prices is None else prices.currency,
    }


def _cost(spending: Spending, prices: Prices | None) -> float | None:
    """None if the price of a model is not known."""
    if prices is None or not prices.covers(spending):
        return None
    return prices.cost_of(spending)
