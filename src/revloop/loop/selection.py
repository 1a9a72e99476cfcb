"""Selects one of several candidate revisions of a round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.trajectory import OtherCandidate, Selection, broken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.loop.candidate import Candidate
    from revloop.loop.panel import Panel
    from revloop.trajectory import Comparison, PanelComparison, Version


def fit_candidates(candidates: Sequence[Candidate], base: Version) -> list[int]:
    """The numbers of the candidates that do best by the checks; all without checks.

    They break the fewest checks that their base passes, and of those pass the most.
    """

    def rank(number: int) -> tuple[int, int]:
        found = candidates[number].checks
        return -len(broken(base.checks, found)), sum(check.passed is True for check in found)

    best = max(map(rank, range(len(candidates))))
    return [number for number in range(len(candidates)) if rank(number) == best]


async def choose_by_judge(
    panel: Panel, prompt: str, candidates: Sequence[Candidate], fit: Sequence[int]
) -> Selection:
    """A knockout in candidate order; when the panel is undecided, the earlier one wins.

    Args:
        panel: Who compares them.
        prompt: What the texts answer.
        candidates: The revisions of a round.
        fit: The numbers of those to choose from.

    Raises:
        EngineGoneError: A judge's server stays away.
        JudgeError: A judge failed otherwise.
    """
    texts = list(dict.fromkeys(candidates[number].text for number in fit))
    if len(texts) > 1:
        await panel.read_ahead(prompt, texts)
    best, seen = fit[0], {candidates[fit[0]].text}
    comparisons: list[Comparison | PanelComparison] = []
    for number in fit[1:]:
        text = candidates[number].text
        if text not in seen:
            seen.add(text)
            pair = (candidates[best].text, text)
            comparisons.append(await panel.compare(prompt, pair, (best, number)))
            best = comparisons[-1].winner
    return _selection(candidates, best, comparisons=tuple(comparisons))


def choose_by_score(
    candidates: Sequence[Candidate], fit: Sequence[int], scores: Sequence[float | None]
) -> Selection:
    """The candidate with the critic's highest score; the first one among equals.

    Args:
        candidates: The revisions with their critiques.
        fit: The numbers of those to choose from.
        scores: The critic's score of each; None if it gave none. Empty: none was asked for.
    """
    known = [
        (score, -number)
        for number, score in enumerate(scores)
        if score is not None and number in fit
    ]
    chosen = -max(known)[1] if known else fit[0]
    return _selection(candidates, chosen, scores=tuple(scores))


def _selection(
    candidates: Sequence[Candidate],
    chosen: int,
    *,
    scores: tuple[float | None, ...] = (),
    comparisons: tuple[Comparison | PanelComparison, ...] = (),
) -> Selection:
    shared = all(one.critique is candidates[0].critique for one in candidates)
    others = tuple(
        OtherCandidate(
            text=one.text,
            critique=None if shared else one.critique.raw,
            checks=one.checks,
        )
        for number, one in enumerate(candidates)
        if number != chosen
    )
    return Selection(chosen=chosen, others=others, scores=scores, comparisons=comparisons)
