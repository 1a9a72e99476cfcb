"""The rounds of one trajectory: critique, revise, append the version, repeat."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio.to_thread

from revloop.concurrency import task_group
from revloop.engines.base import LONG_CHARS, Request
from revloop.errors import (
    ContentFilterError,
    ContextFullError,
    EngineError,
    RejectedError,
    RevloopError,
)
from revloop.loop.requests import RoundFailedError, RoundRequests
from revloop.loop.selection import choose_by_judge, choose_by_score
from revloop.loop.stopping import end_of, found_nothing
from revloop.prompts import texts_given
from revloop.prompts.checks import known_checks
from revloop.prompts.parsing import left_out
from revloop.trajectory import Critique, StopReason, Version, compare, kept_round

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from revloop.engines.base import Engine, TokenPrefix
    from revloop.options import RunSettings
    from revloop.prompts import PromptSet
    from revloop.trajectory import CheckVerdict, Comparison, Judge, OpenTrajectory, Selection

    Candidate = tuple[Critique, str]

SHORTEST_CRITIQUE_TOKENS = 64
"""The least room for a critique; with less, none is requested."""


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
        self._counted: dict[str, int] = {}

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
        self._counted.clear()
        last = versions[-1].round
        base = versions[kept_round(versions) if self._settings.keep == "gate" else last]
        await self._count_long(base.text)
        failed = self._trajectory.end
        asked = (self._draft, self._engine, self._prompts, self._settings)
        requests = RoundRequests(*asked, last + 1, before=failed)
        try:
            candidates = await self._candidates(requests, base.text)
            selection = await self._selection(requests, candidates)
        except ContextFullError as exc:
            raise requests.failed(StopReason.CONTEXT_FULL, str(exc)) from exc
        except ContentFilterError as exc:
            raise requests.failed(StopReason.CONTENT_FILTERED, str(exc)) from exc
        except RejectedError as exc:
            raise requests.failed(StopReason.REJECTED, str(exc)) from exc
        except EngineError as exc:
            raise requests.failed(StopReason.ENGINE_FAILED, str(exc)) from exc
        critique, text = candidates[0 if selection is None else selection.chosen]
        return Version(
            round=requests.round,
            text=text,
            critique=critique,
            steps=tuple(requests.steps),
            engine=self._engine.info,
            prompt_set=self._prompts.digest,
            base=None if base.round == last else base.round,
            comparison=await self._compare(requests, versions, text),
            selection=selection,
            failed_checks=self._failed_checks(text, critique, base.text),
            created_at=datetime.now(UTC),
        )

    def _failed_checks(
        self, text: str, critique: Critique, before: str
    ) -> tuple[CheckVerdict, ...]:
        """What the checks that are off find in a version: it passed the others."""
        off = [name for name in known_checks() if name not in self._settings.checks]
        return self._prompts.failed_checks(text, critique, before, self._draft, off)

    async def _candidates(self, requests: RoundRequests, text: str) -> list[Candidate]:
        """The revisions of a round, each with the critique that led to it."""
        if self._settings.single_pass:
            return await self._run_all(requests, lambda part: self._single_pass(part, text))
        critique, prefix = await self._critique(requests, text)
        if found_nothing(critique, self._settings):
            return [(critique, text)]
        request = self._revision_request(text, critique, prefix)
        return await self._run_all(
            requests, lambda part: self._revision(part, text, critique, request)
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
            scores = await self._scores(requests, [text for _, text in candidates])
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
                critique, _ = await self._critique(part, text)
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

    async def _critique(
        self, requests: RoundRequests, text: str
    ) -> tuple[Critique, TokenPrefix | None]:
        prompts, settings = self._prompts, self._settings
        request = Request(
            prompt=prompts.critique_prompt(self._draft, text),
            sampling=settings.sampling,
            max_tokens=settings.critique_max_tokens + settings.thinking_tokens,
            room_tokens=min(SHORTEST_CRITIQUE_TOKENS, settings.critique_max_tokens),
            reserve_tokens=self._revision_tokens(text),
            stop=prompts.critique_stops(),
            keep_prefix=not prompts.is_chat,
            prefill=prompts.settings.critique.prefill,
            thinking=settings.thinking,
        )
        labels, given = prompts.settings.critique.labels, texts_given(self._draft, text)
        critique, answer = await requests.until_usable(
            "critique",
            request,
            lambda generated: prompts.parse_critique(request.prefill + generated, given),
            given,
            allow_cut=labels is None or not labels.required,
        )
        # without its thoughts, the tokens are no longer a prefix
        return critique, answer.prefix if critique.raw == answer.text else None

    def _revision_tokens(self, text: str) -> int:
        """Tokens that the revision's prompt adds to the critique's, and the revision's own.

        In a fresh context the bridge takes the place of the critique's template.
        """
        prompts = self._prompts
        added = self._count(prompts.bridge)
        if prompts.has_fresh_context:
            added = max(0, added - self._count(prompts.fixed_text("critique.txt")))
        return self._count(text) + added

    def _revision_request(
        self, text: str, critique: Critique, prefix: TokenPrefix | None
    ) -> Request:
        prompts, settings = self._prompts, self._settings
        return Request(
            prompt=prompts.revision_prompt_of(self._draft, text, critique.raw),
            sampling=settings.sampling,
            max_tokens=settings.revision_max_tokens + settings.thinking_tokens,
            room_tokens=min(max(self._count(text), 1), settings.revision_max_tokens),
            stop=prompts.settings.revision.stop,
            prefix=prefix,
            prefill=prompts.settings.revision.begun(text)[0],
            thinking=settings.thinking,
        )

    async def _revision(
        self, requests: RoundRequests, text: str, critique: Critique, request: Request
    ) -> Candidate:
        prompts, given = self._prompts, texts_given(self._draft, text)
        _, lead = prompts.settings.revision.begun(text)

        def parse(generated: str) -> tuple[str, tuple[str, ...]]:
            reply = lead + generated
            revision = prompts.parse_revision(reply, given)
            around = left_out(reply, revision, prompts.settings.revision.tags)
            checks = self._settings.checks
            return prompts.accept(revision, critique, text, self._draft, checks), around

        (revision, around), _ = await requests.until_usable("revision", request, parse, given)
        requests.note_left_out(around)
        return critique, revision

    async def _single_pass(self, requests: RoundRequests, text: str) -> Candidate:
        prompts, settings = self._prompts, self._settings
        most = settings.critique_max_tokens + settings.revision_max_tokens
        needed = SHORTEST_CRITIQUE_TOKENS + self._count(prompts.bridge) + self._count(text)
        request = Request(
            prompt=prompts.single_pass_prompt(self._draft, text),
            sampling=settings.sampling,
            max_tokens=most + settings.thinking_tokens,
            room_tokens=min(needed, most),
            stop=prompts.settings.revision.stop,
            prefill=prompts.settings.critique.prefill,
            thinking=settings.thinking,
        )
        given = texts_given(self._draft, text)

        def parse(generated: str) -> tuple[Candidate, tuple[str, ...]]:
            reply = request.prefill + generated
            critique, revision = prompts.parse_single_pass(reply, given)
            if found_nothing(critique, settings):
                return (critique, text), ()
            rest = reply.removeprefix(critique.raw).removeprefix(prompts.bridge)
            around = left_out(rest, revision, prompts.settings.revision.tags)
            checks = settings.checks
            accepted = prompts.accept(revision, critique, text, self._draft, checks)
            return (critique, accepted), around

        (candidate, around), _ = await requests.until_usable("both", request, parse, given)
        requests.note_left_out(around)
        return candidate

    async def _count_long(self, text: str) -> None:
        """Count a long text in a thread, so that the event loop is not blocked."""
        if len(text) > LONG_CHARS:
            count = self._engine.count_tokens
            tokens = await anyio.to_thread.run_sync(count, text, abandon_on_cancel=True)
            self._counted[text] = tokens or 0

    def _count(self, text: str) -> int:
        """Tokens of a text; 0 if the engine cannot count them (the server then rejects it).

        Cached, because a round needs each count several times, and tokenising is slow.
        """
        if text not in self._counted:
            self._counted[text] = self._engine.count_tokens(text) or 0
        return self._counted[text]
