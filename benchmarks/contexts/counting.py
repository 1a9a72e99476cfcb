"""Figures of texts that were verified and rated."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.ifeval.counting import share

if TYPE_CHECKING:
    from collections.abc import Sequence


class Rated(NamedTuple):
    """A text.

    Attributes:
        follows: Whether it follows all instructions of its prompt.
        fresh: Its rating in a new conversation.
        shared: Its rating in the conversation that it was written in; None for a draft.
    """

    follows: bool
    fresh: float
    shared: float | None


def figures(texts: Sequence[Sequence[Rated]]) -> list[dict[str, Any]]:
    """The figures of one way, by round: of the texts that have the round."""
    rounds = []
    for number in range(max(map(len, texts))):
        pairs = [(one[0], one[number]) for one in texts if len(one) > number]
        shared = [now.shared - now.fresh for _, now in pairs if now.shared is not None]
        rounds.append(
            {
                "round": number,
                "texts": len(pairs),
                "followed": share(sum(now.follows for _, now in pairs), len(pairs)),
                "draft_followed": share(sum(first.follows for first, _ in pairs), len(pairs)),
                "rating": _mean([now.fresh for _, now in pairs]),
                "draft_rating": _mean([first.fresh for first, _ in pairs]),
                "shared_less_fresh_rating": _mean(shared) if shared else None,
                "rated_higher_in_its_own_context": sum(one > 0 for one in shared),
            }
        )
    return rounds


def _mean(values: Sequence[float]) -> float:
    return round(fmean(values), 3)
