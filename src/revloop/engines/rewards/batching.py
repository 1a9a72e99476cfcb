"""Texts that are asked for at the same time are scored together, and their rewards remembered."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol
from weakref import WeakKeyDictionary

from revloop.errors import ContentFilterError, ContextFullError, RevloopError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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


@dataclass(slots=True, eq=False)
class _Job:
    """A text to score.

    Attributes:
        key: Names the text.
        answered: The text.
        is_taken: Whether it is part of a batch that is being scored.
        outcome: What came of it, once it is known.
        settled: Set while it is part of no batch.
        callers: Number of callers that wait for it.
    """

    key: bytes
    answered: Answered
    is_taken: bool = False
    outcome: Outcome | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    callers: int = 0

    @property
    def is_waiting(self) -> bool:
        """Whether it is still to be scored."""
        return self.outcome is None and not self.is_taken


class _Queue:
    """The texts that one event loop waits for, by their keys."""

    def __init__(self, most_batches: int) -> None:
        self.turns = asyncio.Semaphore(most_batches)
        self.jobs: dict[bytes, _Job] = {}

    def drop_unwanted(self, job: _Job) -> None:
        """Forget a text that nobody waits for any more."""
        if not job.callers and not job.is_taken and self.jobs.get(job.key) is job:
            del self.jobs[job.key]


class RewardBatcher:
    """Collects the texts that concurrent callers ask for, and scores them in batches.

    While a batch is scored, new texts collect for the next one. No task runs in the background: the
    first caller in line scores for those behind it. If that caller is cancelled, the next one does.

    Args:
        model: The reward model.
        remembered: Number of rewards to remember.
    """

    def __init__(self, model: RewardModel, *, remembered: int = _REMEMBERED) -> None:
        self._model = model
        self._remembered = remembered
        self._known: dict[bytes, Outcome] = {}
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue] = WeakKeyDictionary()

    async def rewards(self, texts: Sequence[Answered]) -> list[Outcome]:
        """The rewards of texts, in their order; an error in place of one that has none."""
        loop = asyncio.get_running_loop()
        if (queue := self._queues.get(loop)) is None:
            queue = self._queues[loop] = _Queue(self._model.most_batches)
        jobs = [self._job(one, queue) for one in texts]
        for job in jobs:
            job.callers += 1
        try:
            return [await self._outcome(job, queue) for job in jobs]
        finally:
            for job in jobs:
                job.callers -= 1
                queue.drop_unwanted(job)

    def _job(self, answered: Answered, queue: _Queue) -> _Job:
        key = _key(answered)
        if (outcome := self._known.get(key)) is not None:
            return _Job(key, answered, outcome=outcome)
        return queue.jobs.setdefault(key, _Job(key, answered))

    async def _outcome(self, job: _Job, queue: _Queue) -> Outcome:
        while job.outcome is None:
            if job.is_taken:
                await job.settled.wait()
                continue
            async with queue.turns:
                await asyncio.sleep(0)  # lets those who ask at the same moment join
                if job.is_waiting:
                    await self._score_with(job, queue)
        return job.outcome

    async def _score_with(self, first: _Job, queue: _Queue) -> None:
        """Score a text, and others that wait."""
        batch = [first, *islice(self._others(first, queue), self._model.most_texts - 1)]
        for job in batch:
            job.is_taken = True
            job.settled.clear()
        outcomes: Sequence[Outcome | None] = [None] * len(batch)
        try:
            outcomes = await self._model.score([job.answered for job in batch])
        except RevloopError as exc:
            outcomes = [exc] * len(batch)
        finally:
            for job, outcome in zip(batch, outcomes, strict=True):
                self._settle(job, outcome, queue)

    def _others(self, first: _Job, queue: _Queue) -> Iterator[_Job]:
        """The texts that may be scored at once with a text, in the order of asking."""
        for job in queue.jobs.values():
            fits = not self._model.has_one_prompt or job.answered.prompt == first.answered.prompt
            if job is not first and job.is_waiting and fits:
                yield job

    def _settle(self, job: _Job, outcome: Outcome | None, queue: _Queue) -> None:
        """Note what came of a text; None: its batch was cancelled."""
        job.outcome, job.is_taken = outcome, False
        job.settled.set()
        if outcome is None:
            queue.drop_unwanted(job)
            return
        del queue.jobs[job.key]
        if isinstance(outcome, float | ContextFullError | ContentFilterError):
            self._known[job.key] = outcome
        while len(self._known) > self._remembered:
            del self._known[next(iter(self._known))]


def _key(answered: Answered) -> bytes:
    """Names a text in the memory of rewards, which should not hold the texts themselves."""
    prompt, text = (part.encode("utf-8", "surrogatepass") for part in answered)
    return hashlib.sha256(b"%d:%b%b" % (len(prompt), prompt, text)).digest()
