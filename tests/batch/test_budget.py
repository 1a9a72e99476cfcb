"""Budgets: a deadline's words, what is counted, and when a limit is reached."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from revloop.batch import Budget
from revloop.errors import InputError
from revloop.options import BudgetOptions, EngineOptions, ModelPrice, Prices
from revloop.options.budget import deadline_s
from revloop.trajectory import ModelUsage, Spending, Usage, summed

if TYPE_CHECKING:
    from collections.abc import Mapping

NOON = datetime(2026, 11, 29, 12, 0, 0, tzinfo=UTC)
PRICES = Prices(currency="USD", models={"m": ModelPrice(input=10, output=100)})


class Spender:
    """Something that reports what it took."""

    def __init__(self, requests: int, prompt_tokens: int = 0, generated_tokens: int = 0) -> None:
        usage = Usage(prompt_tokens=prompt_tokens, generated_tokens=generated_tokens)
        self._taken = ModelUsage(model="m", requests=requests, usage=usage)

    def spending(self) -> Spending:
        return summed([self._taken])


def budget(limits: Mapping[str, float], *spenders: Spender, known: Prices = PRICES) -> Budget:
    options = BudgetOptions.model_validate({"prices": "prices.toml", **limits})
    made = Budget(options, known)
    made.watch(spenders)
    return made


class TestDeadline:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("90s", 90),
            ("20m", 1200),
            ("1h30m", 5400),
            ("2d", 172_800),
            ("12:01", 60),
            ("17:30", 19_800),
            ("12:00", 86_400),
            ("9:00", 75_600),
        ],
    )
    def test_it_is_a_duration_or_the_next_time_of_day(self, text: str, seconds: float) -> None:
        assert deadline_s(text, NOON) == seconds

    @pytest.mark.parametrize("text", ["", "20", "0s", "m", "25:00", "12:60", "-5m", "5m 3s", "5M"])
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(InputError, match="it is a duration"):
            BudgetOptions(deadline=text)

    def test_it_is_reached_when_its_time_has_passed(self) -> None:
        now = [100.0]
        made = Budget(BudgetOptions(deadline="20m"), clock=lambda: now[0])
        assert made.reached() is None
        now[0] += 1200
        assert made.reached() == "The deadline (20m) is reached."


class TestLimits:
    @pytest.mark.parametrize(
        ("limits", "says"),
        [
            ({"max_requests": 3}, "The budget of 3 requests is reached."),
            ({"max_requests": 4}, None),
            ({"max_tokens_total": 1500}, "The budget of 1,500 tokens is reached."),
            ({"max_tokens_total": 1501}, None),
            ({"max_cost": 0.06}, "The budget of 0.0600 USD is reached."),
            ({"max_cost": 0.0601}, None),
            ({}, None),
        ],
    )
    def test_everyone_who_asks_a_model_counts(
        self, limits: Mapping[str, float], says: str | None
    ) -> None:
        critic, judge = Spender(2, prompt_tokens=700, generated_tokens=300), Spender(1, 300, 200)
        assert budget(limits, critic, judge).reached() == says

    def test_requests_under_way_count(self) -> None:
        made = budget({"max_requests": 5}, Spender(3))
        assert made.reached(under_way=1) is None
        assert made.reached(under_way=2) is not None

    def test_what_is_left_is_never_negative(self) -> None:
        made = budget({"max_requests": 5, "max_tokens_total": 7}, Spender(9, 5))
        assert made.left() == ["0 requests", "2 tokens"]

    def test_a_part_that_reports_nothing_counts_nothing(self) -> None:
        made = Budget(BudgetOptions(max_requests=1))
        made.watch([object()])
        assert made.reached() is None


class TestRefusals:
    def test_a_cost_needs_prices(self) -> None:
        with pytest.raises(InputError, match="--max-cost needs the prices"):
            BudgetOptions(max_cost=1)

    def test_a_model_without_a_price_is_refused_before_the_first_round(self) -> None:
        with pytest.raises(InputError, match="No price is known for m"):
            budget({}, Spender(0), known=Prices(currency="USD", models={}))

    def test_jobs_cannot_be_limited(self) -> None:
        engine = EngineOptions(kind="openai-batch", base_url="http://127.0.0.1:1")
        with pytest.raises(InputError, match="--deadline cannot limit --engine openai-batch"):
            BudgetOptions(deadline="20m").refuse_jobs(engine)
        BudgetOptions().refuse_jobs(engine)

    @pytest.mark.parametrize(
        "wrong", [{"max_requests": 0}, {"max_tokens_total": 1.5}, {"max_cost": 0}]
    )
    def test_a_limit_out_of_bounds_is_refused(self, wrong: dict[str, float]) -> None:
        with pytest.raises(ValidationError):
            BudgetOptions.model_validate(wrong)
