"""Asking judges about a store, and storing what they say as they say it."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import anyio
import anyio.to_thread

from revloop.concurrency import task_group
from revloop.errors import JudgeError, RevloopError, StoreError
from revloop.evaluation.pairs import Against, pairs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

    from revloop.evaluation.verdicts import Question, Verdicts
    from revloop.trajectory import Judge, Trajectory, Verdict

DEFAULT_CONCURRENCY = 16

_MOST_UNSTORED = 64
_LONGEST_UNSTORED_S = 1.0


class Asked(NamedTuple):
    """What collecting verdicts took.

    Attributes:
        new: Verdicts that the judge was asked for.
        stored: Questions that were answered already, or asked about the same texts.
        unreadable: New verdicts that could not be read.
    """

    new: int
    stored: int
    unreadable: int


async def collect(
    trajectories: Iterable[Trajectory],
    judge: Judge,
    verdicts: Verdicts,
    *,
    rounds: int,
    against: frozenset[Against],
    concurrency: int = DEFAULT_CONCURRENCY,
    on_verdict: Callable[[Asked], None] | None = None,
) -> Asked:
    """Ask a judge about every changed pair in both orders, but for what is stored already.

    Verdicts are stored as they come, so whoever is interrupted goes on from there with the same
    call; a killed process loses those of the last second, and of slow judges none.

    Args:
        trajectories: One in memory at a time.
        judge: The judge.
        verdicts: Where its verdicts are stored.
        rounds: Rounds to look at.
        against: What each round is compared with.
        concurrency: Questions that the judge is asked at once.
        on_verdict: Called after each new verdict, with how far it is.

    Raises:
        JudgeError: The judge cannot be asked any more; what it said before is stored.
    """
    collector = _Collector(judge, verdicts, on_verdict)
    try:
        async with task_group() as tasks:
            send, receive = anyio.create_memory_object_stream["Question"](concurrency)
            for _ in range(concurrency):
                tasks.start_soon(partial(collector.work, receive.clone(), tasks.cancel_scope))
            receive.close()
            questions = _questions(trajectories, rounds, against)
            async with send:
                await collector.feed(questions, send, tasks.cancel_scope)
    finally:
        with anyio.CancelScope(shield=True):
            await collector.flush()
    if isinstance(collector.failure, StoreError):
        raise collector.failure
    if collector.failure is not None:
        raise JudgeError(
            f"The judge {judge.info.name} gave {collector.new} verdicts and then failed: "
            f"{collector.failure}\nWhat it gave is stored: the same call goes on from there."
        ) from collector.failure
    return collector.asked


def count_questions(
    trajectories: Iterable[Trajectory], *, rounds: int, against: frozenset[Against]
) -> int:
    """How many questions a judge has to answer about trajectories, those it has answered included.

    Args:
        trajectories: One in memory at a time.
        rounds: Rounds to look at.
        against: What each round is compared with.
    """
    return sum(1 for _ in _questions(trajectories, rounds, against))


def _questions(
    trajectories: Iterable[Trajectory], rounds: int, against: frozenset[Against]
) -> Iterator[Question]:
    for trajectory in trajectories:
        for pair in pairs_of(trajectory, rounds, against):
            if not pair.is_unchanged:
                yield from (pair.question, pair.question.swapped)


class _Collector:
    """Judge and store, with what is on its way from one to the other."""

    def __init__(
        self, judge: Judge, verdicts: Verdicts, on_verdict: Callable[[Asked], None] | None
    ) -> None:
        self.new = 0
        self.stored = 0
        self.unreadable = 0
        self.failure: RevloopError | None = None
        self._judge = judge
        self._verdicts = verdicts
        self._on_verdict = on_verdict
        self._asked: set[str] = set()
        self._given: list[tuple[Question, Verdict]] = []
        self._flushed_at = time.monotonic()

    @property
    def asked(self) -> Asked:
        """How far it is."""
        return Asked(self.new, self.stored, self.unreadable)

    async def feed(
        self,
        questions: Iterable[Question],
        send: MemoryObjectSendStream[Question],
        scope: anyio.CancelScope,
    ) -> None:
        """Hand out the questions that the judge has yet to be asked."""
        try:
            for question in questions:
                if self._is_wanted(question):
                    await send.send(question)
        except RevloopError as exc:  # the store cannot be read
            self._fail(exc, scope)

    async def work(
        self, questions: MemoryObjectReceiveStream[Question], scope: anyio.CancelScope
    ) -> None:
        """Ask until there are no more questions, or the judge fails."""
        async with questions:
            async for question in questions:
                try:
                    await self._ask(question)
                except RevloopError as exc:
                    self._fail(exc, scope)
                    return

    async def flush(self) -> None:
        """Commit what was given so far."""
        given, self._given = self._given, []
        self._flushed_at = time.monotonic()
        if given:
            await anyio.to_thread.run_sync(self._verdicts.add, self._judge.info, given)
            self._asked.difference_update(question.digest for question, _ in given)

    async def _ask(self, question: Question) -> None:
        verdict = await self._judge.judge(*question)
        self.new += 1
        self.unreadable += verdict.preference == "unparseable"
        self._given.append((question, verdict))
        if self._on_verdict is not None:
            self._on_verdict(self.asked)
        late = time.monotonic() - self._flushed_at > _LONGEST_UNSTORED_S
        if late or len(self._given) >= _MOST_UNSTORED:
            await self.flush()

    def _fail(self, error: RevloopError, scope: anyio.CancelScope) -> None:
        self.failure = self.failure or error
        scope.cancel()

    def _is_wanted(self, question: Question) -> bool:
        is_asked = question.digest in self._asked
        if is_asked or self._verdicts.get(self._judge.info, question) is not None:
            self.stored += 1
            return False
        self._asked.add(question.digest)
        return True
