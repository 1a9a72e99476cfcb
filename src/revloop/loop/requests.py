"""The requests of one round, each repeated until its reply is usable."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeVar

from revloop.errors import EngineError
from revloop.prompts.parsing import UnusableError
from revloop.trajectory import End, Refusal, Step, StopReason
from revloop.values import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from revloop.engines.base import Completion, Engine, Request
    from revloop.options import RunSettings
    from revloop.trajectory import Draft, Sampling

Parsed = TypeVar("Parsed")
Kind = Literal["critique", "revision", "both"]

REPLY_CHARACTERS = 4_000
"""Characters kept of an unusable reply."""


class RoundFailedError(Exception):
    """Ends a trajectory inside a round."""

    def __init__(self, end: End) -> None:
        super().__init__(end.detail)
        self.end = end


class RoundRequests:
    """The requests of one round, each repeated until its reply is usable.

    Args:
        draft: What is revised.
        engine: Answers the requests.
        settings: What else decides the texts.
        round_: The round's number.
        before: Why an earlier attempt at this round failed. After unusable replies, tries are
            numbered on from it, so that each gets a new seed; after an engine or judge failure,
            the same requests are sent again.

    Attributes:
        candidate: Number of the candidate revision, from 0.
        steps: The requests so far.
    """

    def __init__(
        self,
        draft: Draft,
        engine: Engine,
        settings: RunSettings,
        round_: int,
        *,
        before: End | None = None,
    ) -> None:
        self.round = round_
        self.steps: list[Step] = []
        self._draft = draft
        self.candidate = 0
        self._content = draft.content_digest
        self._engine = engine
        self._settings = settings
        self._before = before

    def for_candidate(self, candidate: int) -> RoundRequests:
        """The requests of one candidate, with its own seeds and its own steps."""
        part = copy(self)
        part.steps, part.candidate = [], candidate
        return part

    def with_all_steps(
        self, failure: EngineError | RoundFailedError
    ) -> EngineError | RoundFailedError:
        """A candidate's failure, with the requests of the whole round."""
        if isinstance(failure, EngineError):
            return failure
        return RoundFailedError(failure.end.model_copy(update={"steps": tuple(self.steps)}))

    async def until_usable(
        self,
        kind: Kind,
        request: Request,
        parse: Callable[[str], Parsed],
        *,
        allow_cut: bool = False,
    ) -> tuple[Parsed, Completion]:
        """Send a request until the reply is complete and parses, each time with another seed.

        Args:
            kind: What is requested.
            request: The request, without its sampling.
            parse: Parses a reply, or raises :class:`UnusableError`.
            allow_cut: Whether a reply that reached its token limit is usable.

        Raises:
            EngineError: The engine failed.
            RoundFailedError: No reply was usable within the allowed tries.
        """
        tries, first = self._settings.tries, self._tries_before(kind) + 1
        stop, why = StopReason.UNPARSEABLE, ""
        for attempt in range(first, first + tries):
            sampling = self._sampling(kind, attempt)
            completion = await self._engine.generate(replace(request, sampling=sampling))
            is_cut = completion.finish_reason == "length"
            stop, why = _cut(completion, request) if is_cut else (StopReason.UNPARSEABLE, "")
            if not is_cut or (allow_cut and stop is StopReason.TOKEN_LIMIT):
                try:
                    parsed = parse(completion.text)
                except UnusableError as exc:
                    why = why or exc.reason
                else:
                    self._record(kind, attempt, sampling, completion)
                    return parsed, completion
            self._record(kind, attempt, sampling, completion, why)
        what = f"the {kind}" if kind != "both" else "the critique with the revision"
        often = "in 1 try" if tries == 1 else f"in {tries} tries"
        raise self.failed(stop, f"{what} could not be used {often}: {why}.")

    def failed(self, reason: StopReason, detail: str) -> RoundFailedError:
        """The error that ends the trajectory, naming the round."""
        sentence = f"Round {self.round}: {detail}"
        return RoundFailedError(End(reason=reason, detail=sentence, steps=tuple(self.steps)))

    def _tries_before(self, kind: Kind) -> int:
        """The number of the last try that counts; the next one follows it."""
        steps = () if self._before is None else self._before.steps
        first = min((step.attempt for step in steps if step.kind == kind), default=1)
        if self._before is None or self._before.reason.may_pass:
            return first - 1
        refused = [step.attempt for step in steps if step.kind == kind and step.refusal]
        return max(refused, default=first - 1)

    def _sampling(self, kind: str, attempt: int) -> Sampling:
        """The sampling of one request, with its own seed.

        Later tries and all candidates but the first are warmer, so that they differ. The seed
        depends on the text, not on the draft's id or the time: the same work gives the same result
        in any order and after any interruption.
        """
        base = self._settings.sampling
        which = [self.candidate] if self.candidate else []
        name = digest_of(base.seed, self._content, self.round, kind, attempt, *which, length=8)
        warmest = max(base.temperature, self._settings.retry_temperature)
        return base.with_seed(
            int(name, 16) >> 1,
            temperature=warmest if attempt > 1 or self.candidate else base.temperature,
        )

    def _record(
        self,
        kind: Kind,
        attempt: int,
        sampling: Sampling,
        completion: Completion,
        refused: str | None = None,
    ) -> None:
        """Record a request; of several unusable replies, only the last one's text is kept."""
        refusal = None
        if refused is not None:
            self.steps = [
                _without_reply(step) if step.kind == kind else step for step in self.steps
            ]
            said = completion.text
            refusal = Refusal(reason=refused, reply=said[:REPLY_CHARACTERS], characters=len(said))
        self.steps.append(
            Step(
                kind=kind,
                attempt=attempt,
                finish_reason=completion.finish_reason,
                usage=completion.usage,
                latency_s=completion.latency_s,
                retries=completion.retries,
                sampling=sampling,
                refusal=refusal,
            )
        )


def _without_reply(step: Step) -> Step:
    if step.refusal is None or step.refusal.reply is None:
        return step
    return step.model_copy(update={"refusal": step.refusal.model_copy(update={"reply": None})})


def _cut(completion: Completion, request: Request) -> tuple[StopReason, str]:
    limit = completion.limit_tokens
    if limit < request.max_tokens:
        return StopReason.CONTEXT_FULL, f"it filled the {limit} tokens that were left"
    return StopReason.TOKEN_LIMIT, f"it reached its limit of {limit} tokens"
