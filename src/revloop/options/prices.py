"""Prices of models: what their tokens cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, ValidationError

from revloop.errors import InputError
from revloop.files.text import read_toml
from revloop.values import Frozen, explain

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from revloop.trajectory import ModelUsage, Spending

Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_MILLION = 1_000_000


class ModelPrice(Frozen):
    """What a million tokens of one model cost."""

    input: Price = Field(description="A million prompt tokens.")
    cached_input: Price | None = Field(
        default=None, description="A million that come from the prefix cache; None: as `input`."
    )
    output: Price = Field(description="A million generated tokens, thoughts included.")

    def cost_of(self, spent: ModelUsage) -> float:
        """The cost of the tokens that were spent."""
        cached = min(spent.usage.cached_tokens or 0, spent.usage.prompt_tokens)
        cached_price = self.input if self.cached_input is None else self.cached_input
        whole = (spent.usage.prompt_tokens - cached) * self.input
        return (whole + cached * cached_price + spent.usage.generated_tokens * self.output) / (
            _MILLION
        )


class Prices(Frozen):
    """What the tokens of several models cost, all in one currency."""

    currency: str = Field(min_length=1, description="Its name or sign, for messages: USD.")
    models: dict[str, ModelPrice] = Field(description="By the model's name, as in the store.")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file of prices.

        Raises:
            InputError: It cannot be read, or is not a table of prices.
        """
        try:
            return cls.model_validate(read_toml(path))
        except ValidationError as exc:
            raise InputError(f"{path} holds no prices: {explain(exc)}.") from exc

    def require(self, models: Iterable[str]) -> None:
        """Refuse models without a price.

        Raises:
            InputError: One has none.
        """
        missing = [name for name in dict.fromkeys(models) if name not in self.models]
        if missing:
            table = f'[models."{missing[0]}"]'
            raise InputError(
                f"No price is known for {', '.join(missing)}: add {table} with input and output "
                "to the file of --prices (0 if it costs nothing)."
            )

    def covers(self, spending: Spending) -> bool:
        """Whether every model has a price."""
        return spending.by_model.keys() <= self.models.keys()

    def cost_of(self, spending: Spending) -> float:
        """The cost of the tokens that were spent.

        Raises:
            InputError: A model has no price.
        """
        self.require(spending.by_model)
        return sum(self.models[one.model].cost_of(one) for one in spending.by_model.values())

    def amount(self, cost: float) -> str:
        """An amount with its currency, to four digits if it is small: ``0.0123 USD``."""
        digits = 2 if cost >= 100 else 4
        return f"{cost:,.{digits}f} {self.currency}"
