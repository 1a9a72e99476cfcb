"""A model as judge, on any engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revloop.engines.base import Request
from revloop.engines.metering import spending_of
from revloop.engines.outage import WaitsForServer
from revloop.engines.room import doubled_room, generate_within
from revloop.errors import ContentFilterError, ContextFullError, MissingFieldError
from revloop.tracing import asking
from revloop.trajectory import JudgeInfo, ModelUsage, Verdict
from revloop.values import digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revloop.engines.base import Completion, Engine
    from revloop.engines.outage import Waiting
    from revloop.evaluation.prompts import JudgePrompts
    from revloop.trajectory import Sampling, Spending

DEFAULT_TRIES = 3
_ANSWERS = ("stop", "length")
RETRY_TEMPERATURE = 0.7
"""From the second try on: at temperature 0 a new seed would repeat the answer."""


class ModelJudge:
    """Asks a model which of two texts is better.

    Args:
        engine: The model's engine; closed with the judge.
        prompts: The judge's prompt set.
        name: The name that the user gave it; None: the model's name.
        tries: Most requests for one readable verdict.
        seed: Seed of the sampling.
    """

    def __init__(
        self,
        engine: Engine,
        prompts: JudgePrompts,
        *,
        name: str | None = None,
        tries: int = DEFAULT_TRIES,
        seed: int = 0,
    ) -> None:
        self._engine = engine
        self._prompts = prompts
        self._tries = tries
        self._seed = seed
        model = engine.info.model
        sent = [*engine.info.unsent, *(["complete"] if engine.info.complete_sampling else ())]
        digest = digest_of("model", model, prompts.digest, tries, seed, *sent)
        fields = tuple(sorted(prompts.fields))
        self.info = JudgeInfo(kind="model", name=name or model, digest=digest, fields=fields)

    @property
    def engine(self) -> Engine:
        """The model's engine."""
        return self._engine

    async def judge(
        self, prompt: str, first: str, second: str, *, fields: Mapping[str, Any] | None = None
    ) -> Verdict:
        """Which text is better, in this order. See :class:`~revloop.trajectory.FieldJudge`.

        A truncated or unreadable answer is requested again, with twice the room if thoughts took
        it. After the last try, or if the model refuses to answer, a content filter intervenes, the
        question does not fit the model's context, or the draft lacks a field of the prompt set,
        the verdict is ``unparseable``.

        Raises:
            EngineError: The engine failed.
        """
        try:
            question = self._prompts.question(prompt, first, second, fields or {})
        except MissingFieldError as exc:
            return Verdict(preference="unparseable", reason=f"{exc}.")
        room = self._prompts.settings.max_tokens
        completion: Completion | None = None
        spent = ModelUsage(model=self._engine.info.model)
        try:
            for attempt in range(1, self._tries + 1):
                request = Request(
                    prompt=question,
                    sampling=self._sampling(attempt, prompt, first, second),
                    max_tokens=self._prompts.settings.max_tokens,
                )
                with asking("verdict"):
                    completion = await generate_within(self._engine, request, room)
                usage = spent.usage + completion.usage
                spent = spent.model_copy(update={"requests": attempt, "usage": usage})
                if completion.finish_reason not in _ANSWERS:
                    break
                if completion.finish_reason == "stop":
                    found = self._prompts.read(completion.text)
                    if found is not None:
                        return Verdict(
                            preference=found[0],
                            reason=found[1] or None,
                            raw=completion.text,
                            tries=attempt,
                            spent=spent,
                        )
                room = self._next_room(room, completion)
        except (ContextFullError, ContentFilterError) as exc:
            return Verdict(preference="unparseable", reason=str(exc), spent=spent)
        raw = "" if completion is None else completion.text
        return Verdict(preference="unparseable", raw=raw, tries=attempt, spent=spent)

    def _next_room(self, room: int, completion: Completion) -> int:
        """The token limit of the next try: twice this one's if thoughts took the room."""
        usage, text = completion.usage, completion.text
        is_cut = completion.finish_reason == "length"
        hidden = completion.thoughts or usage.thinking_tokens or not text.strip()
        if self._prompts.is_unfinished(text, is_cut=is_cut) or (is_cut and hidden):
            return doubled_room(room, usage.prompt_tokens, 0, self._engine.context_tokens)
        return room

    def waiting(self) -> Waiting | None:
        """The current wait for the engine's server; None while it answers, or without one."""
        return self._engine.waiting() if isinstance(self._engine, WaitsForServer) else None

    def spending(self) -> Spending:
        """What its requests took so far."""
        return spending_of(self._engine)

    async def aclose(self) -> None:
        """Close the engine."""
        await self._engine.aclose()

    def _sampling(self, attempt: int, *texts: str) -> Sampling:
        """Reproducible for the same texts; each try has another seed."""
        chosen = self._prompts.settings.sampling
        retry = max(chosen.temperature, RETRY_TEMPERATURE)
        return chosen.with_seed(
            int(digest_of(self._seed, attempt, *texts, length=8), 16) >> 1,
            temperature=chosen.temperature if attempt == 1 else retry,
        )
