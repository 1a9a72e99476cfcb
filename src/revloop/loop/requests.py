"""The requests of one round, each repeated until its reply is usable."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from revloop.engines.room import generate_within
from revloop.errors import EngineError
from revloop.loop.reply import NO_ANSWER, ReadReply, read_reply, usage_of, why_incomplete
from revloop.loop.room import Leeway, leeway_after, leeway_of, thoughts_left_no_answer
from revloop.prompts.parsing import UnusableError
from revloop.tracing import asking
from revloop.trajectory import End, Refusal, Step, StopReason
from revloop.values import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from revloop.engines.base import Completion, Request
    from revloop.loop.roles import Roles
    from revloop.options import RunSettings
    from revloop.prompts import Kind
    from revloop.trajectory import Draft, Sampling

Parsed = TypeVar("Parsed")

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
        roles: Who answers the requests.
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
        roles: Roles,
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
        self._roles = roles
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
        return RoundFailedError(self._with_steps(failure.end))

    async def until_usable(
        self,
        kind: Kind,
        request: Request,
        parse: Callable[[str], Parsed],
        given: Sequence[str],
        *,
        allow_cut: bool = False,
    ) -> tuple[Parsed, Completion]:
        """Send a request until the reply is complete and parses, each time with another seed.

        If thoughts took the room of a reply, the next try has twice as much; if a stop text ended
        them, the next try is sent without. A try that would give the same reply is left out.

        Args:
            kind: What is requested.
            request: The request, without its sampling.
            parse: Parses a reply without its thoughts, or raises :class:`UnusableError`.
            given: The texts of the draft: a reply may contain marks of thoughts that they contain.
            allow_cut: Whether a reply that reached its token limit is usable.

        Raises:
            EngineError: The engine failed.
            RoundFailedError: No reply was usable within the allowed tries, or none is to be
                expected.
        """
        tries, first = self._settings.tries, self._tries_before(kind) + 1
        leeway, stop, why = self._first_leeway(kind, first, request), StopReason.UNPARSEABLE, ""
        engine = self._roles.of(kind).engine
        guard: str | None = None
        for attempt in range(first, first + tries):
            sampling = self._sampling(kind, attempt)
            room, sends = leeway
            stops = request.stop if sends else ()
            asked = replace(request, sampling=sampling, stop=stops)
            with asking(kind):
                completion = await generate_within(engine, asked, room)
            reply = await read_reply(
                self._roles.of(kind), kind, request, completion, given, sent_stops=bool(stops)
            )
            completion = reply.completion
            cut, why = why_incomplete(reply, request)
            stop, guard = cut or StopReason.UNPARSEABLE, None
            if reply.text is not None and (
                not cut or (allow_cut and cut is StopReason.TOKEN_LIMIT)
            ):
                try:
                    parsed = parse(reply.text)
                except UnusableError as exc:
                    guard = None if why else exc.guard
                    why = why or exc.reason
                else:
                    await self._record(kind, attempt, asked, reply, sent_stops=sends)
                    return parsed, completion
            await self._record(
                kind, attempt, asked, reply, UnusableError(why, guard), sent_stops=sends
            )
            if completion.finish_reason in NO_ANSWER:
                raise self.failed(stop, f"{_what(kind)} could not be used: {why}.")
            before, leeway = leeway, leeway_after(self.steps[-1], request, engine.context_tokens)
            if leeway == before and self._would_repeat(kind, attempt):
                break
        tried = attempt - first + 1
        often = "in 1 try" if tried == 1 else f"in {tried} tries"
        if tried < tries:
            often += " (another at temperature 0 would be the same, see --retry-temperature)"
        hint = _hint(guard, self.steps[-1]) or self._hint_at_rewrite(kind)
        raise self.failed(stop, f"{_what(kind)} could not be used {often}: {why}{hint}.")

    def note_left_out(self, texts: tuple[str, ...]) -> None:
        """Record what was left out of the last reply."""
        kept = tuple(text[:REPLY_CHARACTERS] for text in texts)
        self.steps[-1] = self.steps[-1].model_copy(update={"left_out": kept})

    def failed(self, reason: StopReason, detail: str) -> RoundFailedError:
        """The error that ends the trajectory, naming the round."""
        sentence = f"Round {self.round}: {detail}"
        return RoundFailedError(self._with_steps(End(reason=reason, detail=sentence)))

    def _with_steps(self, end: End) -> End:
        """An end with the requests so far, and who got them."""
        if not self.steps:
            return end
        critic, editor = self._roles
        asked = {
            "steps": tuple(self.steps),
            "engine": critic.engine.info,
            "editor": None if editor is None else editor.engine.info,
        }
        return end.model_copy(update=asked)

    def _hint_at_rewrite(self, kind: Kind) -> str:
        """That edits need not be the end."""
        has_edits = self._roles.of(kind).prompts.has_edits and kind in ("revision", "both")
        if not has_edits or self._settings.on_bad_edits == "rewrite":
            return ""
        return " (--on-bad-edits rewrite would ask for the whole text)"

    def _tries_before(self, kind: Kind) -> int:
        """The number of the last try that counts; the next one follows it."""
        steps = () if self._before is None else self._before.steps
        first = min((step.attempt for step in steps if step.kind == kind), default=1)
        if self._before is None or self._before.reason.may_pass:
            return first - 1
        refused = [step.attempt for step in steps if step.kind == kind and step.refusal]
        return max(refused, default=first - 1)

    def _first_leeway(self, kind: Kind, first: int, request: Request) -> Leeway:
        """What the first try gets: what it had, or would have had, the last time."""
        for step in () if self._before is None else self._before.steps:
            # the seed tells whose step it is: candidates have their own
            if step.kind == kind and step.sampling.seed == self._sampling(kind, step.attempt).seed:
                if step.attempt == first:
                    return leeway_of(step, request)
                if step.attempt == first - 1:
                    context_tokens = self._roles.of(kind).engine.context_tokens
                    return leeway_after(step, request, context_tokens)
        return Leeway(request.max_tokens)

    def _sampling(self, kind: Kind, attempt: int) -> Sampling:
        """The sampling of one request, with its own seed.

        Later tries and all candidates but the first are warmer, so that they differ. The seed
        depends on the text, not on the draft's id or the time: the same work gives the same result
        in any order and after any interruption.
        """
        base = self._settings.sampling_of(kind)
        which = [self.candidate] if self.candidate else []
        name = digest_of(base.seed, self._content, self.round, kind, attempt, *which, length=8)
        warmest = max(base.temperature, self._settings.retry_temperature)
        return base.with_seed(
            int(name, 16) >> 1,
            temperature=warmest if attempt > 1 or self.candidate else base.temperature,
        )

    def _would_repeat(self, kind: Kind, attempt: int) -> bool:
        """Whether the try after this one would give the same reply if it is sent the same prompt.

        At temperature 0 the seed changes nothing. A server that takes no temperature uses its own.
        """
        both = (self._sampling(kind, number).temperature for number in (attempt, attempt + 1))
        return not any(both) and "temperature" not in self._roles.of(kind).engine.info.unsent

    async def _record(
        self,
        kind: Kind,
        attempt: int,
        asked: Request,
        reply: ReadReply,
        refused: UnusableError | None = None,
        *,
        sent_stops: bool,
    ) -> None:
        """Record a request; of several unusable replies, only the last one's texts are kept."""
        refusal, completion = None, reply.completion
        if refused is not None:
            self.steps = [
                _without_reply(step) if step.kind == kind else step for step in self.steps
            ]
            said = completion.text
            refusal = Refusal(
                reason=refused.reason,
                guard=refused.guard,
                reply=said[:REPLY_CHARACTERS],
                characters=len(said),
            )
        self.steps.append(
            Step(
                kind=kind,
                attempt=attempt,
                finish_reason=completion.finish_reason,
                usage=await usage_of(reply, self._roles.of(kind).engine),
                latency_s=completion.latency_s,
                retries=completion.retries,
                sampling=asked.sampling,
                refusal=refusal,
                thoughts=reply.thoughts or None,
                limit_tokens=completion.limit_tokens,
                sent_stops=sent_stops,
            )
        )


def _what(kind: Kind) -> str:
    return "the critique with the revision" if kind == "both" else f"the {kind}"


def _hint(guard: str | None, last: Step) -> str:
    if guard is not None:
        return f" (--no-guard {guard} would let it pass)"
    if thoughts_left_no_answer(last):
        return " (--thinking-tokens gives thoughts more room, --no-thinking switches them off)"
    return ""


def _without_reply(step: Step) -> Step:
    if step.refusal is None or step.refusal.reply is None:
        return step
    refusal = step.refusal.model_copy(update={"reply": None})
    return step.model_copy(update={"refusal": refusal, "thoughts": None})
