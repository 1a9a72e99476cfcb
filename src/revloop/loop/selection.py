"""Selects one of several candidate revisions of a round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.trajectory import Comparison, OtherCandidate, Selection, compare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.loop.candidate import Candidate
    from revloop.trajectory import Judge


async def choose_by_judge(judge: Judge, prompt: str, candidates: Sequence[Candidate]) -> Selection:
    """A knockout in candidate order; when the judge is undecided, the earlier one wins.

    Raises:
        RevloopError: The judge failed.
    """
    texts, best = [one.text for one in candidates], 0
    comparisons: list[Comparison] = []
    for number, text in enumerate(texts):
        if text not in texts[:number] and number:
            pair = (texts[best], text)
            comparisons.append(await compare(judge, prompt, pair, (best, number)))
            best = comparisons[-1].winner
    return _selection(candidates, best, comparisons=tuple(comparisons))


def choose_by_score(candidates: Sequence[Candidate], scores: Sequence[float | None]) -> Selection:
    """The candidate with the critic's highest score; the first one among equals.

    Args:
        candidates: The revisions with their critiques.
        scores: The critic's score of each; None if it gave none.
    """
    known = [(score, -number) for number, score in enumerate(scores) if score is not None]
    chosen = -max(known)[1] if known else 0
    return _selection(candidates, chosen, scores=tuple(scores))


def _selection(
    candidates: Sequence[Candidate],
    chosen: int,
    *,
    scores: tuple[float | None, ...] = (),
    comparisons: tuple[Comparison, ...] = (),
) -> Selection:
    shared = all(one.critique is candidates[0].critique for one in candidates)
    others = tuple(
        OtherCandidate(text=one.text, critique=None if shared else one.critique.raw)
        for number, one in enumerate(candidates)
        if number != chosen
    )
    return Selection(chosen=chosen, others=others, scores=scores, comparisons=comparisons)
