"""The requests of one round, each repeated until its answer can be used."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeVar

from revloop.errors import EngineError
from revloop.trajectory import End, Sampling, Step, StopReason, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from revloop.draft import Draft
    from revloop.engines.base import Completion, Engine, Request
    from revloop.settings import RunSettings

Parsed = TypeVar("Parsed")


class RoundFailedError(Exception):
    """Ends a trajectory inside a round."""

    def __init__(self, end: End) -> None:
        super().__init__(end.detail)
        self.end = end


class Asking:
    """The requests of one round, each repeated until its answer can be used."""

    def __init__(
        self,
        draft: Draft,
        engine: Engine,
        settings: RunSettings,
        round_: int,
        candidate: int = 0,
    ) -> None:
        self.round = round_
        self.steps: list[Step] = []
        self._draft = draft
        self._candidate = candidate
        self._content = draft.content_digest
        self._engine = engine
        self._settings = settings

    def part(self, candidate: int) -> Asking:
        """For one of several revisions: its own seeds, and its own list of requests."""
        return Asking(self._draft, self._engine, self._settings, self.round, candidate)

    def with_all_steps(
        self, failure: EngineError | RoundFailedError
    ) -> EngineError | RoundFailedError:
        """A failure of one part, with the requests of the whole round."""
        if isinstance(failure, EngineError):
            return failure
        return RoundFailedError(failure.end.model_copy(update={"steps": tuple(self.steps)}))

    async def until_usable(
        self,
        kind: Literal["critique", "revision", "both"],
        request: Request,
        parse: Callable[[str], Parsed | None],
    ) -> tuple[Parsed, Completion]:
        """Ask until the answer is whole and can be parsed, each time with another seed.

        Raises:
            EngineError: The engine failed.
            RoundFailedError: No answer could be used within the bounded number of tries.
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

    def failed(self, reason: StopReason, detail: str) -> RoundFailedError:
        """The error that ends the trajectory, naming the round."""
        sentence = f"Round {self.round}: {detail}"
        return RoundFailedError(End(reason=reason, detail=sentence, steps=tuple(self.steps)))

    def _sampling(self, kind: str, attempt: int) -> Sampling:
        """The settings of one request: its own seed, and warmer where it must not be the same.

        That is from the second try on, and for all revisions of a round but the first.

        The seed comes from the text, not from the draft's id or the time, so the same work gives
        the same result in any order and after any interruption.
        """
        base = self._settings.sampling
        which = [self._candidate] if self._candidate else []
        name = digest_of(base.seed, self._content, self.round, kind, attempt, *which, length=8)
        warmest = max(base.temperature, self._settings.retry_temperature)
        return Sampling(
            temperature=warmest if attempt > 1 or self._candidate else base.temperature,
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
