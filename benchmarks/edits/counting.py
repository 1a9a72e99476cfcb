"""Count the tokens of revisions in both forms, and find where a rewrite becomes cheaper."""

from __future__ import annotations

from itertools import pairwise
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, NamedTuple

from revloop.edits import edits_between, write_edits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from benchmarks.edits.pairs import Pair

    Count = Callable[[str], int]

END_TOKENS = 1
QUANTILES = 10


class Counted(NamedTuple):
    """One revision.

    Attributes:
        share: Share of the words edited.
        edits: Number of edits.
        edits_tokens: Tokens of the edits, with the end token.
        rewrite_tokens: Tokens of the whole text, with the end token.
    """

    share: float
    edits: int
    edits_tokens: int
    rewrite_tokens: int

    @property
    def ratio(self) -> float:
        """Tokens of the edits over those of the rewrite."""
        return self.edits_tokens / self.rewrite_tokens


def counted(pairs: Iterable[Pair], count: Count) -> list[Counted]:
    """Count revisions with a tokenizer."""
    found = []
    for pair in pairs:
        edits = edits_between(pair.before, pair.after)
        found.append(
            Counted(
                pair.share,
                len(edits),
                count(write_edits(edits)) + END_TOKENS,
                count(pair.after) + END_TOKENS,
            )
        )
    return found


def figures(revisions: Sequence[Counted]) -> dict[str, Any]:
    """The figures of a set of revisions, ready for JSON."""
    ratios = [one.ratio for one in revisions]
    tenths = quantiles(ratios, n=QUANTILES, method="inclusive")
    # the middles of ten classes of equal size, to draw from
    twentieths = quantiles(ratios, n=2 * QUANTILES, method="inclusive")[::2]
    return {
        "revisions": len(revisions),
        "share_of_words_edited": round(median(one.share for one in revisions), 4),
        "edits": median(one.edits for one in revisions),
        "rewrite_tokens": median(one.rewrite_tokens for one in revisions),
        "all_tokens_ratio": round(total_ratio(revisions), 4),
        "ratio": {
            "median": round(median(ratios), 4),
            "tenth": round(tenths[0], 4),
            "nine_tenths": round(tenths[-1], 4),
        },
        "ratios": [round(one, 4) for one in twentieths],
        "cheaper_as_edits": round(sum(one < 1 for one in ratios) / len(ratios), 4),
    }


def total_ratio(revisions: Sequence[Counted]) -> float:
    """All tokens of the edits over all tokens of the rewrites."""
    rewrites = sum(one.rewrite_tokens for one in revisions)
    return sum(one.edits_tokens for one in revisions) / rewrites


def break_even(sets: Iterable[Sequence[Counted]]) -> float | None:
    """The share of words edited at which both forms take the same tokens.

    Interpolated between sets of revisions with more and more edits; None if all are on one side.
    """
    points = sorted((median(one.share for one in each), total_ratio(each)) for each in sets)
    for (share, ratio), (next_share, next_ratio) in pairwise(points):
        if ratio <= 1 < next_ratio:
            return share + (next_share - share) * (1 - ratio) / (next_ratio - ratio)
    return None


def by_share(revisions: Sequence[Counted], bounds: Sequence[float]) -> list[list[Counted]]:
    """The revisions with shares from each bound to before the next, without empty classes."""
    classes = [
        [one for one in revisions if low <= one.share < high] for low, high in pairwise(bounds)
    ]
    return [each for each in classes if each]
