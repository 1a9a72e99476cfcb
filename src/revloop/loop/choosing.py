"""Chooses between texts: one of a round's candidates, and whether it replaces the kept version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.errors import ContextFullError, RejectedError, RevloopError
from revloop.loop.requests import RoundFailedError
from revloop.loop.selection import choose_by_judge, choose_by_score, fit_candidates
from revloop.trajectory import StopReason, Veto, broken, compare, kept_round, told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.loop.candidate import Candidate
    from revloop.loop.requests import RoundRequests
    from revloop.loop.writing import Writing
    from revloop.options import RunSettings
    from revloop.trajectory import Check, Comparison, Draft, Judge, Selection, Version


class Choosing:
    """Chooses between one draft's texts, by checks, by a judge, or by the critic's own score.

    Args:
        draft: What is revised.
        writing: Asks the critic for a score.
        settings: What else decides the texts.
        judge: Compares versions; None without one.
        selector: Compares candidates; None: the judge does.
    """

    def __init__(
        self,
        draft: Draft,
        writing: Writing,
        settings: RunSettings,
        judge: Judge | None,
        selector: Judge | None,
    ) -> None:
        self._prompt_text = draft.prompt_text
        self._writing = writing
        self._settings = settings
        self._judge = None if judge is None else told(judge, draft.extra)
        self._selector = None if selector is None else told(selector, draft.extra)

    async def selection(
        self, requests: RoundRequests, candidates: Sequence[Candidate], base: Version
    ) -> Selection | None:
        """Which of several candidates becomes the version; None if there is only one.

        Those that break the fewest checks, and of them those that pass the most, go first.

        Args:
            requests: The round's.
            candidates: Its revisions.
            base: The version that they revise.
        """
        if len(candidates) == 1:
            return None
        fit = fit_candidates(candidates, base)
        chooser = self._selector or self._judge
        if chooser is None:
            texts = [candidates[number].text for number in fit] if len(fit) > 1 else []
            scores = await self._scores(requests, texts)
            by_number = [scores.get(one.text) for one in candidates] if scores else []
            return choose_by_score(candidates, fit, by_number)
        try:
            return await choose_by_judge(chooser, self._prompt_text, candidates, fit)
        except RevloopError as exc:
            who = "judge" if self._selector is None else "selector"
            raise requests.failed(StopReason.JUDGE_FAILED, f"the {who} failed: {exc}") from exc

    async def _scores(
        self, requests: RoundRequests, texts: Sequence[str]
    ) -> dict[str, float | None]:
        """The critic's score of each text; None if it gives none.

        A text that cannot be scored (too long for the context, say) does not fail the others; an
        engine failure fails the round.
        """
        scores: dict[str, float | None] = {}
        for text in dict.fromkeys(texts):
            part = requests.for_candidate(0)  # same seed for all, at the critique's temperature
            try:
                critique, _ = await self._writing.critique(part, text)
                scores[text] = critique.score
            except (RoundFailedError, ContextFullError, RejectedError):
                scores[text] = None
            requests.steps += part.steps
        return scores

    def veto(self, versions: Sequence[Version], checks: tuple[Check, ...]) -> Veto | None:
        """Which checks of the kept version a new one breaks, if versions are chosen at all."""
        kept = versions[kept_round(versions)]
        names = broken(kept.checks, checks)
        if self._settings.keep == "last" or not names:
            return None
        return Veto(incumbent=kept.round, checks=names)

    async def comparison(
        self, requests: RoundRequests, versions: Sequence[Version], text: str
    ) -> Comparison | None:
        """The judge's comparison of a new text with the kept version; None if they are equal."""
        kept = versions[kept_round(versions)]
        if self._judge is None or self._settings.keep == "last" or text == kept.text:
            return None
        texts, rounds = (kept.text, text), (kept.round, requests.round)
        try:
            return await compare(self._judge, self._prompt_text, texts, rounds)
        except RevloopError as exc:
            raise requests.failed(StopReason.JUDGE_FAILED, f"the judge failed: {exc}") from exc
