"""Chooses between texts: one of a round's candidates, and whether it replaces the kept version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.errors import ContextFullError, JudgeError, RejectedError
from revloop.loop.requests import RoundFailedError
from revloop.loop.selection import choose_by_judge, choose_by_score, fit_candidates
from revloop.trajectory import StopReason, Veto, broken, kept_round

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revloop.loop.candidate import Candidate
    from revloop.loop.judges import Judges
    from revloop.loop.requests import RoundRequests
    from revloop.loop.writing import Writing
    from revloop.options import RunSettings
    from revloop.trajectory import (
        Check,
        Comparison,
        Draft,
        PanelComparison,
        Selection,
        Version,
    )


class Choosing:
    """Chooses between one draft's texts, by checks, by judges, or by the critic's own score.

    Args:
        draft: What is revised.
        writing: Asks the critic for a score.
        settings: What else decides the texts.
        judges: Compare versions and candidates.
        one_of_many: Whether other trajectories need the judges too.
    """

    def __init__(
        self,
        draft: Draft,
        writing: Writing,
        settings: RunSettings,
        judges: Judges,
        *,
        one_of_many: bool,
    ) -> None:
        self._prompt_text = draft.prompt_text
        self._writing = writing
        self._settings = settings
        comparing = judges.comparing(one_of_many=one_of_many)
        selecting = judges.selecting(one_of_many=one_of_many)
        self._panel = comparing and comparing.told(draft.extra)
        self._selector = selecting and selecting.told(draft.extra)

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
        if self._selector is None:
            texts = [candidates[number].text for number in fit] if len(fit) > 1 else []
            scores = await self._scores(requests, texts)
            by_number = [scores.get(one.text) for one in candidates] if scores else []
            return choose_by_score(candidates, fit, by_number)
        try:
            return await choose_by_judge(self._selector, self._prompt_text, candidates, fit)
        except JudgeError as exc:
            raise requests.failed(StopReason.JUDGE_FAILED, str(exc)) from exc

    async def _scores(
        self, requests: RoundRequests, texts: Sequence[str]
    ) -> dict[str, float | None]:
        """The critic's score of each text; None if it gives none, none where checks criticise.

        A text that cannot be scored (too long for the context, say) does not fail the others; an
        engine failure fails the round.
        """
        scores: dict[str, float | None] = {}
        if self._settings.critique == "checks":
            return scores  # the critic is not asked
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
    ) -> Comparison | PanelComparison | None:
        """The judges' comparison of a new text with the kept version; None if they are equal."""
        kept = versions[kept_round(versions)]
        if self._panel is None or self._settings.keep == "last" or text == kept.text:
            return None
        texts, rounds = (kept.text, text), (kept.round, requests.round)
        try:
            return await self._panel.compare(self._prompt_text, texts, rounds)
        except JudgeError as exc:
            raise requests.failed(StopReason.JUDGE_FAILED, str(exc)) from exc
