"""Computes what the rounds took, and what that bought."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from revloop.evaluation.spending import SpendingFigures, TokensWorth
from revloop.trajectory import Spending, merged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from revloop.evaluation.rounds import JudgeFigures, RoundFigures
    from revloop.options.prices import Prices
    from revloop.trajectory import Trajectory

_MILLION = 1_000_000


def spending_figures(
    trajectories: Iterable[Trajectory],
    judges: Sequence[JudgeFigures],
    *,
    rounds: int,
    prices: Prices | None = None,
) -> tuple[SpendingFigures, ...]:
    """What each round took; empty if no request is recorded.

    Args:
        trajectories: All records.
        judges: The figures of the judges.
        rounds: Number of rounds.
        prices: The prices of the models.

    Raises:
        InputError: A model has no price.
    """
    taken = _taken(trajectories)
    if not any(spent.requests for spent in taken.values()):
        return ()
    by_round = [taken.get(round_, Spending()) for round_ in range(1, rounds + 1)]
    tokens = [spent.tokens for spent in by_round]
    worths = [_worths(of_judge, tokens) for of_judge in judges if not of_judge.is_unreadable]
    return tuple(
        SpendingFigures(
            round=index + 1,
            requests=spent.requests,
            prompt_tokens=spent.usage.prompt_tokens,
            cached_tokens=spent.usage.cached_tokens,
            generated_tokens=spent.usage.generated_tokens,
            cost=None if prices is None else prices.cost_of(spent),
            worth=tuple(worth[index] for worth in worths if worth),
        )
        for index, spent in enumerate(by_round)
    )


def require_prices(trajectories: Iterable[Trajectory], rounds: int, prices: Prices) -> None:
    """Refuse prices that lack a model of the rounds.

    Raises:
        InputError: A model has no price.
    """
    taken = _taken(trajectories)
    for round_ in range(1, rounds + 1):
        prices.require(taken.get(round_, Spending()).by_model)


def _taken(trajectories: Iterable[Trajectory]) -> dict[int, Spending]:
    taken: dict[int, Spending] = {}
    for trajectory in trajectories:
        taken = merged(taken, trajectory.spending_by_round)
    return taken


def _worths(of_judge: JudgeFigures, tokens: Sequence[int]) -> list[TokensWorth]:
    """A judge's figures by round; empty if nothing was compared with the original."""
    rows = [row for row in of_judge.rounds if row.group is None and row.against == "original"]
    wins: list[float | None] = [0.0, *map(_net_wins, rows)]
    return [
        TokensWorth(
            judge=of_judge.judge.name,
            net_wins=now,
            net_wins_a_million_tokens=_per_million(now, sum(tokens[: index + 1])),
            added_a_million_tokens=_per_million(
                None if now is None or before is None else now - before, tokens[index]
            ),
        )
        for index, (before, now) in enumerate(pairwise(wins))
    ]


def _net_wins(row: RoundFigures) -> float | None:
    return None if row.win_rate is None else (2 * row.win_rate - 1) * row.counted


def _per_million(number: float | None, tokens: int) -> float | None:
    return None if number is None or not tokens else number * _MILLION / tokens
