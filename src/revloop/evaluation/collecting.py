"""Ask judges about the texts of a store, and store each verdict."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import anyio
import anyio.to_thread

from revloop.concurrency import task_group
from revloop.errors import JudgeError, RevloopError, StoreError
from revloop.evaluation.pairs import ORIGINAL, Against, pairs_of
from revloop.evaluation.verdicts import Verdicts
from revloop.store import Store
from revloop.trajectory import told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from revloop.evaluation.verdicts import Question
    from revloop.trajectory import Judge, Trajectory, Verdict

DEFAULT_CONCURRENCY = 16

_MAX_UNSTORED = 64
_MAX_UNSTORED_S = 1.0


class VerdictCounts(NamedTuple):
    """Progress of collecting verdicts.

    Attributes:
        new: Verdicts that the judge gave.
        stored: Questions answered by a stored verdict, or by another question on the same texts.
        unreadable: New verdicts that could not be read.
    """

    new: int
    stored: int
    unreadable: int


async def ask_judge(
    path: str | Path,
    judge: Judge,
    *,
    rounds: int,
    against: frozenset[Against] = ORIGINAL,
    concurrency: int = DEFAULT_CONCURRENCY,
    on_verdict: Callable[[VerdictCounts], None] | None = None,
) -> VerdictCounts:
    """Ask a judge about every changed pair of a store in both orders, and store its verdicts.

    Pairs with a stored verdict are skipped. Verdicts are committed at least once a second while
    they arrive, so after an interruption the same call asks only what is missing.

    Args:
        path: The store.
        judge: The judge.
        rounds: Number of rounds to judge.
        against: What each round is compared with.
        concurrency: Concurrent questions.
        on_verdict: Called after each new verdict.

    Raises:
        JudgeError: The judge failed; its verdicts so far are stored.
        StoreError: The store cannot be read or written.
    """
    with Store.open_to_read(path) as store, Verdicts.open(path) as verdicts:
        collector = _Collector(judge, verdicts, on_verdict)
        questions = collector.unanswered(_questions(store.contents(), rounds, against))
        try:
            async with task_group() as tasks:
                for _ in range(concurrency):
                    tasks.start_soon(collector.work, questions)
        except StoreError:
            raise
        except RevloopError as exc:
            raise JudgeError(
                f"The judge {judge.info.name} gave {collector.new} verdicts and then failed: "
                f"{exc}\nThe verdicts are stored: repeat the call to continue."
            ) from exc
        finally:
            with anyio.CancelScope(shield=True):
                await collector.flush()
        return collector.counts


def count_questions(
    path: str | Path, *, rounds: int, against: frozenset[Against] = ORIGINAL
) -> int:
    """Number of questions about a store for one judge, answered ones included.

    Raises:
        StoreError: The store cannot be read.
    """
    with Store.open_to_read(path) as store:
        return sum(1 for _ in _questions(store.contents(), rounds, against))


def _questions(
    trajectories: Iterable[Trajectory], rounds: int, against: frozenset[Against]
) -> Iterator[Question]:
    for trajectory in trajectories:
        for pair in pairs_of(trajectory, rounds, against):
            if not pair.is_unchanged:
                yield from pair.question.orders


class _Collector:
    """The judge, the store, and the verdicts not yet committed."""

    def __init__(
        self, judge: Judge, verdicts: Verdicts, on_verdict: Callable[[VerdictCounts], None] | None
    ) -> None:
        self.new = 0
        self.stored = 0
        self.unreadable = 0
        self._judge = judge
        self._verdicts = verdicts
        self._on_verdict = on_verdict
        self._pending: set[str] = set()
        self._unstored: list[tuple[Question, Verdict]] = []
        self._flushed_at = time.monotonic()

    @property
    def counts(self) -> VerdictCounts:
        """Progress so far."""
        return VerdictCounts(self.new, self.stored, self.unreadable)

    def unanswered(self, questions: Iterable[Question]) -> Iterator[Question]:
        """The questions without a verdict; counts the others."""
        for question in questions:
            digest = question.digest_for(self._judge.info)
            is_pending = digest in self._pending
            if is_pending or self._verdicts.get(self._judge.info, question) is not None:
                self.stored += 1
            else:
                self._pending.add(digest)
                yield question

    async def work(self, questions: Iterator[Question]) -> None:
        """Ask until the questions, which all workers share, run out."""
        for question in questions:
            verdict = await told(self._judge, question.fields).judge(*question[:3])
            self.new += 1
            self.unreadable += verdict.preference == "unparseable"
            self._unstored.append((question, verdict))
            if self._on_verdict is not None:
                self._on_verdict(self.counts)
            is_due = time.monotonic() - self._flushed_at > _MAX_UNSTORED_S
            if is_due or len(self._unstored) >= _MAX_UNSTORED:
                await self.flush()

    async def flush(self) -> None:
        """Commit the verdicts not yet stored."""
        batch, self._unstored = self._unstored, []
        self._flushed_at = time.monotonic()
        if batch:
            await anyio.to_thread.run_sync(self._verdicts.add, self._judge.info, batch)
            judge = self._judge.info
            self._pending.difference_update(question.digest_for(judge) for question, _ in batch)
