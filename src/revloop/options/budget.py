"""Budgets: what one run of a batch may spend."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from revloop.errors import InputError
from revloop.options.base import Flag, Options
from revloop.options.prices import Prices

if TYPE_CHECKING:
    from revloop.options.engine import EngineOptions

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_TIME_OF_DAY = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_LIMITS = ("max_tokens_total", "max_requests", "max_cost", "deadline")


def deadline_s(text: str, now: datetime) -> float:
    """Seconds that a deadline leaves.

    Args:
        text: A duration (``90s``, ``20m``, ``1h30m``, ``2d``), or a time of day (``17:30``): the
            next one.
        now: The local time.

    Raises:
        InputError: It is neither.
    """
    if match := _TIME_OF_DAY.fullmatch(text):
        hour, minute = map(int, match.groups())
        end = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        return ((end if end > now else end + timedelta(days=1)) - now).total_seconds()
    if text and (match := _DURATION.fullmatch(text)):
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        left = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if left > timedelta():
            return left.total_seconds()
    raise InputError(
        f"--deadline is '{text}'; it is a duration (90s, 20m, 1h30m, 2d) or a time of day (17:30)."
    )


def _checked_deadline(text: str | None) -> str | None:
    if text is not None:
        deadline_s(text, datetime.now().astimezone())
    return text


class BudgetOptions(Options):
    """What one run of a batch may spend: then no new round starts."""

    panel: ClassVar[str] = "Budget"

    max_tokens_total: Annotated[int | None, Flag(metavar="N")] = Field(
        default=None,
        ge=1,
        description="Start no new round once all models together took this many tokens, prompts "
        "and answers.",
    )
    max_requests: Annotated[int | None, Flag(metavar="N")] = Field(
        default=None,
        ge=1,
        description="The same for requests, repeated ones and those under way included.",
    )
    max_cost: Annotated[float | None, Flag(metavar="AMOUNT")] = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="The same for what the tokens cost, in the currency of --prices.",
    )
    prices: Annotated[Path | None, Flag(metavar="FILE", reads="the prices")] = Field(
        default=None,
        description="TOML file of prices a million input, cached input and output tokens, by "
        "model: see docs/budgets.md.",
    )
    deadline: Annotated[str | None, AfterValidator(_checked_deadline), Flag(metavar="TIME")] = (
        Field(
            default=None,
            description="Start no new round after this time: a duration (20m, 1h30m) or a time of "
            "day (17:30).",
        )
    )

    @model_validator(mode="after")
    def _check_prices(self) -> Self:
        if self.max_cost is not None and self.prices is None:
            raise InputError("--max-cost needs the prices of the models: name a file (--prices).")
        return self

    @property
    def limits(self) -> tuple[str, ...]:
        """The names of the limits that are set."""
        return tuple(name for name in _LIMITS if getattr(self, name) is not None)

    def read_prices(self) -> Prices | None:
        """The prices; None without any.

        Raises:
            InputError: The file cannot be used.
        """
        return None if self.prices is None else Prices.load(self.prices)

    def refuse_jobs(self, engine: EngineOptions) -> None:
        """Refuse a limit for jobs of a batch API, which nobody can stop in the middle.

        Raises:
            InputError: There is one of both.
        """
        if engine.kind is not None and self.limits:
            flag = f"--{self.limits[0].replace('_', '-')}"
            raise InputError(
                f"{flag} cannot limit --engine {engine.kind}: a job has the requests of all drafts "
                "at once, and runs to its end. Leave one of them out, or revise fewer drafts."
            )
