"""The rounds of one draft: critique, revise, hand the version over, and again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypeVar

from revloop.engines.base import Completion, Request
from revloop.errors import ContextFullError, EngineError, RevloopError
from revloop.judging import compare
from revloop.stopping import end_of, found_nothing
from revloop.trajectory import (
    Critique,
    Draft,
    End,
    Sampling,
    Step,
    StopReason,
    Version,
    digest_of,
    standing,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from revloop.engines.base import Engine
    from revloop.judging import Comparison, Judge
    from revloop.prompts import PromptSet
    from revloop.settings import RunSettings

Parsed = TypeVar("Parsed")

SHORTEST_CRITIQUE_TOKENS = 64
"""A critique that has less room than this is not worth asking for."""


class Rounds:
    """An asynchronous iterator over the versions of one draft.

    The next round starts when the next version is asked for: whoever consumes this commits a
    version to disk first, and so never loses one that a later round was built on. Version 0 comes
    first, unless earlier versions were given. After the last version, :attr:`end` says why.

    Attributes:
        end: None until the iterator is exhausted.
    """

    def __init__(
        self,
        draft: Draft,
        engine: Engine,
        prompts: PromptSet,
        settings: RunSettings,
        *,
        iterations: int,
        earlier: Sequence[Version] = (),
        judge: Judge | None = None,
    ) -> None:
        self.end: End | None = None
        self._draft = draft
        self._engine = engine
        self._prompts = prompts
        self._settings = settings
        self._iterations = iterations
        self._earlier = earlier
        self._judge = judge
        self._prompt_text = draft.prompt_text

    async def __aiter__(self) -> AsyncIterator[Version]:
        versions = list(self._earlier)
        if not versions:
            versions.append(
                Version(round=0, text=self._draft.response, created_at=datetime.now(UTC))
            )
            yield versions[0]
        while (end := end_of(versions, self._settings, self._iterations)) is None:
            try:
                version = await self._round(versions)
            except _RoundFailedError as failure:
                end = failure.end
                break
            versions.append(version)
            yield version
        self.end = end

    async def _round(self, versions: Sequence[Version]) -> Version:
        last = versions[-1].round
        base = versions[standing(versions) if self._settings.keep == "gate" else last]
        asking = _Asking(self._draft, self._engine, self._settings, last + 1)
        try:
            if self._settings.single_pass:
                critique, text = await self._both(asking, base.text)
            else:
                critique, text = await self._one_after_the_other(asking, base.text)
        except ContextFullError as exc:
            raise asking.failed(StopReason.CONTEXT_FULL, str(exc)) from exc
        except EngineError as exc:
            raise asking.failed(StopReason.ENGINE_FAILED, str(exc)) from exc
        return Version(
            round=asking.round,
            text=text,
            critique=critique,
            steps=tuple(asking.steps),
            engine=self._engine.info,
            prompt_set=self._prompts.digest,
            base=None if base.round == last else base.round,
            comparison=await self._compare(asking, versions, text),
            created_at=datetime.now(UTC),
        )

    async def _compare(
        self, asking: _Asking, versions: Sequence[Version], text: str
    ) -> Comparison | None:
        """Have the judge compare a new text with the version that stands; None where they agree."""
        stands = versions[standing(versions)]
        if self._judge is None or text == stands.text:
            return None
        texts, rounds = (stands.text, text), (stands.round, asking.round)
        try:
            return await compare(self._judge, self._prompt_text, texts, rounds)
        except RevloopError as exc:
            raise asking.failed(StopReason.JUDGE_FAILED, f"the judge failed: {exc}") from exc

    async def _one_after_the_other(self, asking: _Asking, text: str) -> tuple[Critique, str]:
        prompts, settings = self._prompts, self._settings
        length = self._count(text)
        first = Request(
            prompt=prompts.critique_prompt(self._draft, text),
            sampling=settings.sampling,
            max_tokens=settings.critique_max_tokens,
            room_tokens=min(SHORTEST_CRITIQUE_TOKENS, settings.critique_max_tokens),
            reserve_tokens=length + self._count(prompts.bridge),
            stop=prompts.critique_stops(),
            keep_prefix=not prompts.is_chat,
        )
        critique, answer = await asking.until_usable("critique", first, prompts.parse_critique)
        if found_nothing(critique, settings):
            return critique, text
        second = Request(
            prompt=prompts.revision_prompt(first.prompt, answer.text),
            sampling=settings.sampling,
            max_tokens=settings.revision_max_tokens,
            room_tokens=min(max(length, 1), settings.revision_max_tokens),
            prefix=answer.prefix,
        )
        revision, _ = await asking.until_usable("revision", second, prompts.parse_revision)
        return critique, revision

    async def _both(self, asking: _Asking, text: str) -> tuple[Critique, str]:
        prompts, settings = self._prompts, self._settings
        most = settings.critique_max_tokens + settings.revision_max_tokens
        needed = SHORTEST_CRITIQUE_TOKENS + self._count(prompts.bridge) + self._count(text)
        request = Request(
            prompt=prompts.single_pass_prompt(self._draft, text),
            sampling=settings.sampling,
            max_tokens=most,
            room_tokens=min(needed, most),
        )
        both, _ = await asking.until_usable("both", request, prompts.parse_single_pass)
        critique, revision = both
        return critique, text if found_nothing(critique, settings) else revision

    def _count(self, text: str) -> int:
        """Tokens of a text; 0 where the engine cannot count, and the server must refuse."""
        return self._engine.count_tokens(text) or 0


class _RoundFailedError(Exception):
    """Ends a trajectory inside a round."""

    def __init__(self, end: End) -> None:
        super().__init__(end.detail)
        self.end = end


class _Asking:
    """The requests of one round, each repeated until its answer can be used."""

    def __init__(self, draft: Draft, engine: Engine, settings: RunSettings, round_: int) -> None:
        self.round = round_
        self.steps: list[Step] = []
        self._content = draft.content_digest
        self._engine = engine
        self._settings = settings

    async def until_usable(
        self,
        kind: Literal["critique", "revision", "both"],
        request: Request,
        parse: Callable[[str], Parsed | None],
    ) -> tuple[Parsed, Completion]:
        """Ask until the answer is whole and can be parsed, each time with another seed.

        Raises:
            EngineError: The engine failed.
            _RoundFailedError: No answer could be used within the bounded number of tries.
        """
        failures: list[tuple[StopReason, str]] = []
        for attempt in range(1, self._settings.tries + 1):
            sampling = self._sampling(kind, attempt)
            completion = await self._engine.generate(replace(request, sampling=sampling))
            self._record(kind, attempt, sampling, completion)
            if completion.finish_reason == "length":
                failures.append(_cut(kind, completion, request))
                continue
            parsed = parse(completion.text)
            if parsed is not None:
                return parsed, completion
            failures.append(
                (StopReason.UNPARSEABLE, f"the {kind} has not the form of the prompt set")
            )
        reason, detail = failures[-1]
        raise self.failed(reason, f"{detail}, in {len(failures)} tries.")

    def failed(self, reason: StopReason, detail: str) -> _RoundFailedError:
        """The error that ends the trajectory, naming the round."""
        sentence = f"Round {self.round}: {detail}"
        return _RoundFailedError(End(reason=reason, detail=sentence, steps=tuple(self.steps)))

    def _sampling(self, kind: str, attempt: int) -> Sampling:
        """The settings of one request: its own seed, and warmer where the first try was of no use.

        The seed comes from the text, not from the draft's id or the time, so the same work gives
        the same result in any order and after any interruption.
        """
        base = self._settings.sampling
        name = digest_of(base.seed, self._content, self.round, kind, attempt, length=8)
        warmest = max(base.temperature, self._settings.retry_temperature)
        return Sampling(
            temperature=base.temperature if attempt == 1 else warmest,
            top_p=base.top_p,
            seed=int(name, 16) >> 1,
        )

    def _record(
        self,
        kind: Literal["critique", "revision", "both"],
        attempt: int,
        sampling: Sampling,
        completion: Completion,
    ) -> None:
        self.steps.append(
            Step(
                kind=kind,
                attempt=attempt,
                finish_reason=completion.finish_reason,
                usage=completion.usage,
                latency_s=completion.latency_s,
                retries=completion.retries,
                sampling=sampling,
            )
        )


def _cut(kind: str, completion: Completion, request: Request) -> tuple[StopReason, str]:
    limit = completion.limit_tokens
    if limit < request.max_tokens:
        return StopReason.CONTEXT_FULL, f"the {kind} filled the {limit} tokens that were left"
    return StopReason.TOKEN_LIMIT, f"the {kind} reached its limit of {limit} tokens"
