"""Scripted lengths and texts for a model that writes garbage: a pure function of the prompt.

The lengths are lognormal, like those of real chat answers (median 280 tokens) and critiques (median
90). The engine generates exactly that many tokens; the scripted text replaces them, but their ids
are kept, so that the next prompt finds the computed blocks in the prefix cache.
"""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from benchmarks.gpu.model import WORDS
from revloop import Draft
from revloop.engines import TokenPrefix
from revloop.engines.wrapper import EngineWrapper

if TYPE_CHECKING:
    from revloop.engines import Completion, Request, VllmEngine
    from revloop.engines.metrics import ServerLoad

_SPREAD = 0.45
_CRITIQUE_TOKENS = 90
_ANSWER_TOKENS = 280
_MOST_TOKENS = 600


def words(random: Random, median: float) -> str:
    """A text of random length, in words of about two tokens."""
    tokens = min(_MOST_TOKENS, max(8, random.lognormvariate(math.log(median), _SPREAD)))
    return " ".join(random.choices(WORDS, k=round(tokens / 2)))


def drafts(count: int, scale: float) -> list[Draft]:
    """Drafts with answers of real lengths.

    Args:
        count: Number of drafts.
        scale: Factor for all lengths.
    """
    random = Random("drafts")
    return [
        Draft(
            id=f"d{number}",
            prompt=words(random, 40 * scale),
            response=words(random, _ANSWER_TOKENS * scale),
        )
        for number in range(count)
    ]


def answer(prompt: str, *, is_critique: bool, scale: float) -> str:
    """The scripted reply to a prompt."""
    random = Random(f"{is_critique} {prompt}")
    if not is_critique:
        return words(random, _ANSWER_TOKENS * scale)
    half = _CRITIQUE_TOKENS * scale / 2
    return (
        f"Overall score: {random.randint(1, 9)}\nPositive aspects: {words(random, half)}.\n"
        f"Negative aspects: {words(random, half)}."
    )


class ScriptedVllm(EngineWrapper):
    """A vLLM engine that generates the scripted lengths and returns the scripted texts.

    Attributes:
        sent: All requests, as sent to vLLM.
    """

    def __init__(self, engine: VllmEngine, scale: float) -> None:
        super().__init__(engine)
        self.sent: list[Request] = []
        self._vllm = engine
        self._scale = scale

    async def load(self) -> ServerLoad:
        """The load of vLLM."""
        return await self._vllm.load()

    async def generate(self, request: Request) -> Completion:
        """Generate as many tokens as the scripted text has."""
        prompt = str(request.prompt)
        text = answer(prompt, is_critique=request.keep_prefix, scale=self._scale)
        stop = request.stop[0] if request.keep_prefix and request.stop else ""
        tokens = self._vllm.count_tokens(text + stop)
        exact = replace(request, max_tokens=tokens, room_tokens=1, stop=(), exact=True)
        self.sent.append(exact)
        found = await self._vllm.generate(exact)
        prefix = None
        if found.prefix is not None:
            prefix = TokenPrefix(prompt + text + stop, found.prefix.token_ids)
        return replace(found, text=text, finish_reason="stop", prefix=prefix)
