"""Texts that are asked for at the same time are scored together, and their rewards remembered."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple, Protocol

from revloop.concurrency import Batcher
from revloop.errors import ContentFilterError, ContextFullError, RevloopError

if TYPE_CHECKING:
    from collections.abc import Sequence

Outcome = float | RevloopError
"""The reward of a text, or why it has none."""

_REMEMBERED = 10_000
"""Rewards, of about 200 bytes each."""


class Answered(NamedTuple):
    """A text and what it answers.

    Attributes:
        prompt: What it answers; empty if unknown.
        text: The text to score.
    """

    prompt: str
    text: str


class RewardModel(Protocol):
    """Scores texts.

    Attributes:
        name: The model's name, for the record.
        digest: Changes with everything that decides the rewards.
        most_texts: Most texts to score at once.
        most_batches: Most batches to score at the same time.
        has_one_prompt: Whether only texts that answer the same prompt may be scored at once.
    """

    name: str
    digest: str
    most_texts: int
    most_batches: int
    has_one_prompt: bool

    async def score(self, texts: Sequence[Answered]) -> list[Outcome]:
        """The rewards of texts, in their order.

        Raises:
            RevloopError: No text could be scored.
        """
        ...

    async def aclose(self) -> None:
        """Release connections and memory."""
        ...


class RewardBatcher:
    """Scores the texts that concurrent callers ask for in batches, each text once.

    Args:
        model: The reward model.
        remembered: Number of rewards to remember.
    """

    def __init__(self, model: RewardModel, *, remembered: int = _REMEMBERED) -> None:
        self._model = model
        self._remembered = remembered
        self._known: dict[bytes, Outcome] = {}
        self._batcher = Batcher(
            self._score,
            size=lambda: model.most_texts,  # a server may turn out to take fewer
            at_once=model.most_batches,
            key=_key,
            kind=_prompt if model.has_one_prompt else None,
        )

    async def rewards(self, texts: Sequence[Answered]) -> list[Outcome]:
        """The rewards of texts, in their order; an error in place of one that has none."""
        found = [self._known.get(_key(one)) for one in texts]
        unknown = [one for one, outcome in zip(texts, found, strict=True) if outcome is None]
        asked = iter(await self._batcher.all(unknown))
        return [next(asked) if outcome is None else outcome for outcome in found]

    async def _score(self, texts: list[Answered]) -> Sequence[Outcome]:
        try:
            outcomes = await self._model.score(texts)
        except RevloopError as exc:
            return [exc] * len(texts)
        for text, outcome in zip(texts, outcomes, strict=True):
            if isinstance(outcome, float | ContextFullError | ContentFilterError):
                self._known[_key(text)] = outcome
        while len(self._known) > self._remembered:
            del self._known[next(iter(self._known))]
        return outcomes


def _prompt(answered: Answered) -> str:
    return answered.prompt


def _key(answered: Answered) -> bytes:
    """Names a text in the memory of rewards, which should not hold the texts themselves."""
    prompt, text = (part.encode("utf-8", "surrogatepass") for part in answered)
    return hashlib.sha256(b"%d:%b%b" % (len(prompt), prompt, text)).digest()
