"""A model as judge, over any engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.engines.base import Request
from revloop.errors import ContextFullError
from revloop.trajectory import JudgeInfo, Sampling, Verdict
from revloop.values import digest_of

if TYPE_CHECKING:
    from revloop.engines.base import Engine
    from revloop.evaluation.prompts import JudgePrompts

DEFAULT_TRIES = 3
RETRY_TEMPERATURE = 0.7
"""From the second try on: at 0 another seed would give the same answer again."""


class ModelJudge:
    """Asks a model which of two texts is better.

    Args:
        engine: Where the model runs; closed with the judge.
        prompts: How it is asked and read.
        name: As the user named it; None: the model's name.
        tries: How often it is asked until its verdict can be read.
        seed: Where random choices start.
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
        pinned = engine.info.pinned
        sent = [] if pinned is None else [pinned.model_dump(mode="json")]
        digest = digest_of("model", model, prompts.digest, tries, seed, *sent)
        self._info = JudgeInfo(kind="model", name=name or model, digest=digest)

    @property
    def info(self) -> JudgeInfo:
        """Kind, name and digest, for the record."""
        return self._info

    async def judge(self, prompt: str, first: str, second: str) -> Verdict:
        """Which text is better, in this order. See :class:`~revloop.trajectory.Judge`.

        An answer that was cut off or cannot be read is asked for again; after the last try the
        verdict is ``unparseable``. So it is where the question does not fit the model's context.

        Raises:
            EngineError: The engine failed.
        """
        try:
            return await self._ask(prompt, first, second)
        except ContextFullError as exc:
            return Verdict(preference="unparseable", reason=str(exc))

    async def aclose(self) -> None:
        """Close the engine."""
        await self._engine.aclose()

    async def _ask(self, prompt: str, first: str, second: str) -> Verdict:
        question = self._prompts.question(prompt, first, second)
        settings = self._prompts.settings
        said = ""
        for attempt in range(1, self._tries + 1):
            request = Request(
                prompt=question,
                sampling=self._sampling(attempt, prompt, first, second),
                max_tokens=settings.max_tokens,
            )
            completion = await self._engine.generate(request)
            said = completion.text
            read = None if completion.finish_reason == "length" else self._prompts.read(said)
            if read is not None:
                preference, reason = read
                return Verdict(
                    preference=preference, reason=reason or None, raw=said, tries=attempt
                )
        return Verdict(preference="unparseable", raw=said, tries=self._tries)

    def _sampling(self, attempt: int, *texts: str) -> Sampling:
        """The same for the same texts in any run, and another seed for another try."""
        chosen = self._prompts.settings.sampling
        warmest = max(chosen.temperature, RETRY_TEMPERATURE)
        return Sampling(
            temperature=chosen.temperature if attempt == 1 else warmest,
            top_p=chosen.top_p,
            seed=int(digest_of(self._seed, attempt, *texts, length=8), 16) >> 1,
        )
