"""A model as judge, on any engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.engines.base import Request
from revloop.errors import ContextFullError
from revloop.trajectory import JudgeInfo, Verdict
from revloop.values import digest_of

if TYPE_CHECKING:
    from revloop.engines.base import Engine
    from revloop.evaluation.prompts import JudgePrompts
    from revloop.trajectory import Sampling

DEFAULT_TRIES = 3
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
        sent = ["complete_sampling"] if engine.info.complete_sampling else []
        digest = digest_of("model", model, prompts.digest, tries, seed, *sent)
        self.info = JudgeInfo(kind="model", name=name or model, digest=digest)

    async def judge(self, prompt: str, first: str, second: str) -> Verdict:
        """Which text is better, in this order. See :class:`~revloop.trajectory.Judge`.

        A truncated or unreadable answer is requested again. After the last try, or if the question
        does not fit the model's context, the verdict is ``unparseable``.

        Raises:
            EngineError: The engine failed.
        """
        question = self._prompts.question(prompt, first, second)
        answer = ""
        try:
            for attempt in range(1, self._tries + 1):
                request = Request(
                    prompt=question,
                    sampling=self._sampling(attempt, prompt, first, second),
                    max_tokens=self._prompts.settings.max_tokens,
                )
                completion = await self._engine.generate(request)
                answer = completion.text
                is_truncated = completion.finish_reason == "length"
                if not is_truncated and (verdict := self._prompts.read(answer)) is not None:
                    preference, reason = verdict
                    return Verdict(
                        preference=preference, reason=reason or None, raw=answer, tries=attempt
                    )
        except ContextFullError as exc:
            return Verdict(preference="unparseable", reason=str(exc))
        return Verdict(preference="unparseable", raw=answer, tries=self._tries)

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
