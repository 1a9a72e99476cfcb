"""The rounds of one trajectory: critique, revise, append the version, repeat."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from revloop.concurrency import task_group
from revloop.errors import (
    ContentFilterError,
    ContextFullError,
    EngineError,
    MissingFieldError,
    RejectedError,
    RevloopError,
)
from revloop.loop.requests import RoundFailedError, RoundRequests
from revloop.loop.selection import choose_by_judge, choose_by_score
from revloop.loop.stopping import end_of, found_nothing
from revloop.loop.writing import Writing
from revloop.trajectory import StopReason, Version, compare, kept_round

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from revloop.engines.base import Engine
    from revloop.loop.candidate import Candidate
    from revloop.options import RunSettings
    from revloop.prompts import PromptSet
    from revloop.trajectory import (
        Comparison,
        Judge,
        OpenTrajectory,
        Selection,
    )


class Rounds:
    """The rounds of one trajectory.

    Each version is appended, and so on disk if there is a store, before the next round starts.

    Args:
        trajectory: What is revised; rounds continue from its last version. If it failed there, the
            round is retried, with new seeds if the replies were unusable.
        engine: Answers the requests.
        prompts: Words the requests, and parses the replies.
        settings: What else decides the texts.
        judge: Chooses between versions, and between candidates.
    """

    def __init__(
        self,
        trajectory: OpenTrajectory,
        engine: Engine,
        prompts: PromptSet,
        settings: RunSettings,
        *,
        judge: Judge | None = None,
    ) -> None:
        self._trajectory = trajectory
        self._draft = trajectory.draft
        self._engine = engine
        self._prompts = prompts
        self._settings = settings
        self._judge = judge
        self._prompt_text = trajectory.draft.prompt_text
        self._writing = Writing(trajectory.draft, engine, prompts, settings)

    async def run(
        self, iterations: int, on_version: Callable[[Version], None] | None = None
    ) -> None:
        """Do rounds until the trajectory ends.

        Args:
            iterations: Rounds in all.
            on_version: Called with each new version of these rounds, once it is appended.

        Raises:
            StoreError: A version could not be stored.
        """
        trajectory, settings = self._trajectory, self._settings

        async def append(version: Version) -> None:
            for new in await trajectory.append(version):
                if on_version is not None and new.round <= iterations:
                    on_version(new)

        if not trajectory.versions:
            now = datetime.now(UTC)
            await append(Version(round=0, text=self._draft.response, created_at=now))
        while (end := end_of(trajectory.versions[: iterations + 1], settings, iterations)) is None:
            try:
                version = await self._round(trajectory.versions)
            except RoundFailedError as failure:
                end = failure.end
                break
            await append(version)
        if trajectory.rounds <= iterations:  # else another writer did more
            await trajectory.finish(end)

    async def _round(self, versions: Sequence[Version]) -> Version:
        last = versions[-1].round
        base = versions[kept_round(versions) if self._settings.keep == "gate" else last]
        await self._writing.begin_round(base.text)
        failed = self._trajectory.end
        asked = (self._draft, self._engine, self._prompts, self._settings)
        requests = RoundRequests(*asked, last + 1, before=failed)
        try:
            self._prompts.require_fields(self._draft)
            candidates = await self._candidates(requests, base.text)
            selection = await self._selection(requests, candidates)
        except MissingFieldError as exc:
            raise requests.failed(StopReason.MISSING_FIELD, f"{exc}.") from exc
        except ContextFullError as exc:
            raise requests.failed(StopReason.CONTEXT_FULL, str(exc)) from exc
        except ContentFilterError as exc:
            raise requests.failed(StopReason.CONTENT_FILTERED, str(exc)) from exc
        except RejectedError as exc:
            raise requests.failed(StopReason.REJECTED, str(exc)) from exc
        except EngineError as exc:
            raise requests.failed(StopReason.ENGINE_FAILED, str(exc)) from exc
        chosen = candidates[0 if selection is None else selection.chosen]
        return Version(
            round=requests.round,
            text=chosen.text,
            critique=chosen.critique,
            steps=tuple(requests.steps),
            engine=self._engine.info,
            prompt_set=self._prompts.digest,
            base=None if base.round == last else base.round,
            comparison=await self._compare(requests, versions, chosen.text),
            selection=selection,
            edits=chosen.edits,
            failed_guards=chosen.failed_guards,
            created_at=datetime.now(UTC),
        )

    async def _candidates(self, requests: RoundRequests, text: str) -> list[Candidate]:
        """The revisions of a round, each with the critique that led to it."""
        writing = self._writing
        if self._settings.single_pass:
            return await self._run_all(requests, lambda part: writing.single_pass(part, text))
        critique, prefix = await writing.critique(requests, text)
        if found_nothing(critique, self._settings):
            return [writing.unchanged(text, critique)]
        return await self._run_all(
            requests, lambda part: writing.revision(part, text, critique, prefix)
        )

    async def _run_all(
        self, requests: RoundRequests, make: Callable[[RoundRequests], Awaitable[Candidate]]
    ) -> list[Candidate]:
        """Run all candidates concurrently; those that fail are left out, unless all do."""
        if self._settings.candidates == 1:
            return [await make(requests)]
        parts = [requests.for_candidate(number) for number in range(self._settings.candidates)]
        made: dict[int, Candidate] = {}
        failures: dict[int, EngineError | RoundFailedError] = {}

        async def one(number: int) -> None:
            try:
                made[number] = await make(parts[number])
            except (EngineError, RoundFailedError) as exc:
                failures[number] = exc

        async with task_group() as tasks:
            for number in range(len(parts)):
                tasks.start_soon(one, number)
        requests.steps += [step for part in parts for step in part.steps]
        if not made:
            raise requests.with_all_steps(failures[0])
        return [made[number] for number in sorted(made)]

    async def _selection(
        self, requests: RoundRequests, candidates: Sequence[Candidate]
    ) -> Selection | None:
        """Which of several candidates becomes the version; None if there is only one."""
        if len(candidates) == 1:
            return None
        if self._judge is None:
            scores = await self._scores(requests, [one.text for one in candidates])
            return choose_by_score(candidates, scores)
        try:
            return await choose_by_judge(self._judge, self._prompt_text, candidates)
        except RevloopError as exc:
            raise requests.failed(StopReason.JUDGE_FAILED, f"the judge failed: {exc}") from exc

    async def _scores(self, requests: RoundRequests, texts: Sequence[str]) -> list[float | None]:
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
        return [scores[text] for text in texts]

    async def _compare(
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
