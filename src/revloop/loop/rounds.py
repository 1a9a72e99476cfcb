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
)
from revloop.loop.choosing import Choosing
from revloop.loop.requests import RoundFailedError, RoundRequests
from revloop.loop.roles import Role, Roles
from revloop.loop.stopping import end_of, found_nothing, next_base
from revloop.loop.writing import Writing
from revloop.trajectory import StopReason, Version

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from revloop.checks import CheckSuite
    from revloop.engines.base import Engine
    from revloop.loop.candidate import Candidate
    from revloop.options import RunSettings
    from revloop.prompts import PromptSet
    from revloop.trajectory import (
        Check,
        Judge,
        OpenTrajectory,
    )


class Rounds:
    """The rounds of one trajectory.

    Each version is appended, and so on disk if there is a store, before the next round starts.

    Args:
        trajectory: What is revised; rounds continue from its last version. If it failed there, the
            round is retried, with new seeds if the replies were unusable.
        engine: The critic's: answers the requests, all but the editor's.
        prompts: Words these requests, and parses the replies.
        settings: What else decides the texts.
        judge: Chooses between versions, and without a selector between candidates.
        selector: Chooses between candidates; None: the judge does.
        checks: The user's checks; None without any.
        editor: Who writes revisions after the critic's critiques; None: the critic.
    """

    def __init__(
        self,
        trajectory: OpenTrajectory,
        engine: Engine,
        prompts: PromptSet,
        settings: RunSettings,
        *,
        judge: Judge | None = None,
        selector: Judge | None = None,
        checks: CheckSuite | None = None,
        editor: Role | None = None,
    ) -> None:
        self._trajectory = trajectory
        self._draft = trajectory.draft
        self._roles = Roles(Role(engine, prompts), editor)
        self._settings = settings
        self._checks = checks
        self._writing = Writing(trajectory.draft, self._roles, settings)
        self._choosing = Choosing(trajectory.draft, self._writing, settings, judge, selector)

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
            text = self._draft.response
            checks, now = await self._check(text), datetime.now(UTC)
            await append(Version(round=0, text=text, checks=checks, created_at=now))
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
        last, base = versions[-1].round, next_base(versions, self._settings)
        await self._writing.begin_round(base.text, base.checks)
        failed = self._trajectory.end
        asked = (self._draft, self._roles, self._settings)
        requests = RoundRequests(*asked, last + 1, before=failed)
        try:
            self._roles.require_fields(self._draft)
            candidates = await self._checked(await self._candidates(requests, base), base)
            selection = await self._choosing.selection(requests, candidates, base)
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
        veto = self._choosing.veto(versions, chosen.checks)
        comparison = None
        if veto is None:
            comparison = await self._choosing.comparison(requests, versions, chosen.text)
        critic, editor = self._roles
        return Version(
            round=requests.round,
            text=chosen.text,
            critique=chosen.critique,
            steps=tuple(requests.steps),
            engine=critic.engine.info,
            prompt_set=critic.prompts.digest,
            editor=None if editor is None else editor.engine.info,
            editor_prompt_set=None if editor is None else editor.prompts.digest,
            base=None if base.round == last else base.round,
            comparison=comparison,
            selection=selection,
            edits=chosen.edits,
            failed_guards=chosen.failed_guards,
            checks=chosen.checks,
            veto=veto,
            created_at=datetime.now(UTC),
        )

    async def _checked(self, candidates: Sequence[Candidate], base: Version) -> list[Candidate]:
        """Candidates with what the checks find in them; an unchanged text is not checked again."""
        found = {base.text: base.checks}

        async def check(text: str) -> None:
            found[text] = await self._check(text)

        async with task_group() as tasks:
            for text in {one.text for one in candidates} - set(found):
                tasks.start_soon(check, text)
        return [one._replace(checks=found[one.text]) for one in candidates]

    async def _check(self, text: str) -> tuple[Check, ...]:
        if self._checks is None:
            return ()
        found = await self._checks.run(self._draft, text)
        self._writing.note_checks(text, found)
        return found

    async def _candidates(self, requests: RoundRequests, base: Version) -> list[Candidate]:
        """The revisions of a round, each with the critique that led to it."""
        writing, text = self._writing, base.text
        if self._settings.single_pass:
            return await self._run_all(requests, lambda part: writing.single_pass(part, text))
        if self._settings.critique == "checks":
            critique, prefix = self._roles.critic.prompts.critique_by_checks(base.checks), None
        else:
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
