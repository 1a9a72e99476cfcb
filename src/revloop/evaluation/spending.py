"""What the rounds took, and what their tokens bought: net wins a million tokens."""

from __future__ import annotations

from pydantic import Field

from revloop.values import Frozen


class TokensWorth(Frozen):
    """What a judge's verdicts say that tokens bought. None: not measured."""

    judge: str = Field(description="The judge's name.")
    net_wins: float | None = Field(
        description="(2 * win rate - 1) * records behind it, against the original: records won "
        "minus records lost."
    )
    net_wins_a_million_tokens: float | None = Field(
        description="Net wins over the tokens of this round and of those before it."
    )
    added_a_million_tokens: float | None = Field(
        description="Net wins that this round added over its own tokens: below 0 if it cost some."
    )


class SpendingFigures(Frozen):
    """What one round took, of all records."""

    round: int
    requests: int = Field(description="Answers that critic, editor, selector and judges gave.")
    prompt_tokens: int
    cached_tokens: int | None = Field(
        description="Of these, those from the prefix cache; None if not reported."
    )
    generated_tokens: int
    cost: float | None = Field(description="In the currency of the prices; None without prices.")
    worth: tuple[TokensWorth, ...] = Field(description="By judge; empty without one.")
