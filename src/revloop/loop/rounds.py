"""The rounds of one trajectory: critique, revise, append the version, repeat."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from revloop.concurrency import task_group
from revloop.errors import (
    ContentFilterError,
    ContextFullError,
    EngineError,
    MissingFieldError,
    RejectedError,
)
from revloop.loop.choosing import Choosing
from revloop.loop.judges import Judges
from revloop.loop.requests import RoundFailedError, RoundRequests
from revloop.loop.roles import Role, Roles
from revloop.loop.stopping import end_of, is_enough, next_base
from revloop.loop.writing import Writing
from revloop.tracing import span
from revloop.trajectory import StopReason, Version

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from revloop.checks import CheckSuite
    from revloop.engines.base import Engine, TokenPrefix
    from revloop.loop.candidate import Candidate
    from revloop.options import RunSettings
    from revloop.prompts import PromptSet
    from revloop.trajectory import (
        Check,
        Critique,
        End,
        OpenTrajectory,
    )

Made = TypeVar("Made")


class Rounds:
    """The rounds of one trajectory.

    Each version is appended, and so on disk if there is a store, before the next round starts.

    Args:
        trajectory: What is revised; rounds continue from its last version. If it failed there, the
            round is retried, with new seeds if the replies were unusable.
        engine: The critic's: answers the requests, all but the editor's.
        prompts: Words these requests, and parses the replies.
        settings: What else decides the texts.
        judges: Choose between versions and between candidates; None without any.
        checks: The user's checks; None without any.
        editor: Who writes revisions after the critic's critiques; None: the critic.
        one_of_many: Whether other trajectories need the judges too: an error of a judge that all
            of them would meet is then raised as EngineGoneError.
    """

    def __init__(
        self,
        trajectory: OpenTrajectory,
        engine: Engine,
        prompts: PromptSet,
        settings: RunSettings,
        *,
        judges: Judges | None = None,
        checks: CheckSuite | None = None,
        editor: Role | None = None,
        one_of_many: bool = False,
    ) -> None:
        self._trajectory = trajectory
        self._draft = trajectory.draft
        self._roles = Roles(Role(engine, prompts), editor)
        self._settings = settings
        self._checks = checks
        self._writing = Writing(trajectory.draft, self._roles, settings)
        self._choosing = Choosing(
            *(trajectory.draft, self._writing, settings, judges or Judges()),
            one_of_many=one_of_many,
        )

    async def run(
        self, iterations: int, on_version: Callable[[Version], None] | None = None
    ) -> None:
        """Do rounds until the trajectory ends.

        Args:
            iterations: Rounds in all.
            on_version: Called with each new version of these rounds, once it is appended.

        Raises:
            StoreError: A version could not be stored.
            EngineGoneError: The server of the engine or of a judge stays away.
        """
        trajectory = self._trajectory
        with span("trajectory", revloop__trajectory__id=trajectory.id) as traced:
            await self._run(iterations, on_version)
            end = trajectory.end
            traced.note(
                revloop__draft__id=self._draft.name,
                revloop__rounds=trajectory.rounds,
                revloop__stop_reason=None if end is None else end.reason.value,
            )

    async def _run(self, iterations: int, on_version: Callable[[Version], None] | None) -> None:
        trajectory = self._trajectory

        async def append(version: Version) -> None:
            for new in await trajectory.append(version):
                if on_version is not None and new.round <= iterations:
                    on_version(new)

        if not trajectory.versions:
            text = self._draft.response
            checks, now = await self._check(text), datetime.now(UTC)
            await append(Version(round=0, text=text, checks=checks, created_at=now))
        while (end := self._end(iterations)) is None:
            try:
                with span("round", revloop__round=trajectory.rounds + 1):
                    version = await self._round(trajectory.versions)
            except RoundFailedError as failure:
                end = failure.end
                break
            await append(version)
        if trajectory.rounds <= iterations:  # else another writer did more
            await trajectory.finish(end)

    def _end(self, iterations: int) -> End | None:
        versions = self._trajectory.versions[: iterations + 1]
        return end_of(versions, self._settings, iterations, self._draft.extra)

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
        if self._checks is None:
            return list(candidates)
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
        writing, text, each = self._writing, base.text, self._settings.candidates
        if self._settings.single_pass:
            made = await self._run_all(
                requests, range(each), lambda part: writing.single_pass(part, text)
            )
            return list(made.values())
        critiques = await self._critiques(requests, base)
        to_improve = [
            n
            for n, (one, _) in critiques.items()
            if not is_enough(one, requests.round, self._settings, self._draft.extra)
        ]
        if not to_improve:
            critique, _ = next(iter(critiques.values()))
            return [writing.unchanged(text, critique)]

        async def revise(part: RoundRequests) -> Candidate:
            critique, prefix = critiques[part.candidate // each]
            return await writing.revision(part, text, critique, prefix)

        numbers = [critique * each + n for critique in to_improve for n in range(each)]
        return list((await self._run_all(requests, numbers, revise)).values())

    async def _critiques(
        self, requests: RoundRequests, base: Version
    ) -> dict[int, tuple[Critique, TokenPrefix | None]]:
        """The critiques of a round by number, and the tokens that a revision's prompt extends."""
        if self._settings.critique == "checks":
            return {0: (self._roles.critic.prompts.critique_by_checks(base.checks), None)}
        return await self._run_all(
            requests,
            range(self._settings.critiques),
            lambda part: self._writing.critique(part, base.text),
        )

    async def _run_all(
        self,
        requests: RoundRequests,
        numbers: Sequence[int],
        make: Callable[[RoundRequests], Awaitable[Made]],
    ) -> dict[int, Made]:
        """Run requests side by side, by number; those that fail are left out, unless all do."""
        if list(numbers) == [0]:
            return {0: await make(requests)}
        parts = {number: requests.for_candidate(number) for number in numbers}
        made: dict[int, Made] = {}
        failures: dict[int, EngineError | RoundFailedError] = {}

        async def one(number: int) -> None:
            try:
                made[number] = await make(parts[number])
            except (EngineError, RoundFailedError) as exc:
                failures[number] = exc

        async with task_group() as tasks:
            for number in numbers:
                tasks.start_soon(one, number)
        requests.steps += [step for part in parts.values() for step in part.steps]
        if not made:
            raise requests.with_all_steps(failures[numbers[0]])
        return dict(sorted(made.items()))
