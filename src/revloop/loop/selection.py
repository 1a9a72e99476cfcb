"""Several revisions of one round: one is chosen, the others are kept beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.trajectory import Comparison, OtherCandidate, Selection, compare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.trajectory import Critique, Judge

    Made = tuple[Critique, str]


async def choose_by_judge(judge: Judge, prompt: str, made: Sequence[Made]) -> Selection:
    """A knockout from the first revision on; in doubt the earlier one stays.

    Raises:
        RevloopError: The judge cannot be asked.
    """
    texts, stands = [text for _, text in made], 0
    comparisons: list[Comparison] = []
    for number, text in enumerate(texts):
        if text not in texts[:number] and number:
            pair = (texts[stands], text)
            comparisons.append(await compare(judge, prompt, pair, (stands, number)))
            stands = comparisons[-1].winner
    return _selection(made, stands, comparisons=tuple(comparisons))


def choose_by_score(made: Sequence[Made], scores: Sequence[float | None]) -> Selection:
    """The revision that the critic scores highest, the first of several.

    Args:
        made: The revisions with their critiques.
        scores: The critic's score of each; None where it gave none.
    """
    known = [(score, -number) for number, score in enumerate(scores) if score is not None]
    chosen = -max(known)[1] if known else 0
    return _selection(made, chosen, scores=tuple(scores))


def _selection(
    made: Sequence[Made],
    chosen: int,
    *,
    scores: tuple[float | None, ...] = (),
    comparisons: tuple[Comparison, ...] = (),
) -> Selection:
    shared = all(critique is made[0][0] for critique, _ in made)
    others = tuple(
        OtherCandidate(text=text, critique=None if shared else critique.raw)
        for number, (critique, text) in enumerate(made)
        if number != chosen
    )
    return Selection(chosen=chosen, others=others, scores=scores, comparisons=comparisons)
