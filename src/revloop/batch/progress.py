"""Counts what a batch has done so far."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from revloop.engines.batch_api.engine import BatchApiEngine
from revloop.engines.outage import ReportsFaults, WaitsForServer
from revloop.engines.rate_limiter import ObeysRateLimits
from revloop.options import DEFAULT_ITERATIONS
from revloop.trajectory import PanelComparison, StopReason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from revloop.engines.batch_api.job import JobState
    from revloop.engines.outage import Faults, Waiting
    from revloop.trajectory import End, Usage, Version

_WINDOW_S = 60.0
_CONVERGED = {StopReason.CONVERGED, StopReason.CYCLE}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The figures of a batch at one moment.

    Attributes:
        elapsed_s: Seconds since the command began.
        trajectories: Number of trajectories; None while the input is still being read.
        done: Trajectories that ended, including those of earlier runs of the command.
        failed: Of these, those that ended before all rounds.
        converged: Of these, those that stopped changing.
        verified: Of these, those whose last text passes all checks.
        rejected: Unusable rows.
        versions: Versions made since the command began (version 0 is not made).
        abstained: By judge of a panel, the versions of these on which it gave no readable verdict.
        versions_per_s: Over the last minute.
        tokens_per_s: Generated tokens per second over the last minute, including unusable replies.
        in_round: Number of trajectories under way in each round.
        limit: How many requests may be under way.
        cached_share: Share of the prompt tokens served from the prefix cache; None if not reported.
        left_s: Estimated seconds left; None if unknown.
        server_away_s: Seconds that the critic's or the judge's server has been unreachable; None
            while they answer.
        server_limit_s: Wait limit for an unreachable server in seconds; None while it answers.
        held_back: Requests that wait for a rate limit.
        retries: Requests that were sent again after a fault.
        last_fault: The last such fault, if any.
        last_fault_age_s: Seconds since then.
        last_failure: Why the last failed trajectory ended; None if none has failed.
        last_failure_age_s: Seconds since then.
        is_stopping: Whether no new round starts: the batch ends after those under way.
        jobs: The jobs under way at a provider's batch API.
        thinking_share: Share of the generated tokens that are thoughts; None if not reported.
    """

    elapsed_s: float
    trajectories: int | None
    done: int
    failed: int
    converged: int
    rejected: int
    versions: int
    versions_per_s: float
    tokens_per_s: float
    in_round: dict[int, int]
    limit: int
    cached_share: float | None
    left_s: float | None
    server_away_s: float | None = None
    server_limit_s: float | None = None
    held_back: int = 0
    retries: int = 0
    last_fault: str | None = None
    last_failure: str | None = None
    last_fault_age_s: float | None = None
    last_failure_age_s: float | None = None
    is_stopping: bool = False
    jobs: tuple[JobState, ...] = ()
    thinking_share: float | None = None
    verified: int = 0
    abstained: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Progress:
    """Counts what happens in a batch.

    Attributes:
        iterations: Rounds for each trajectory.
        limit: How many requests may be under way now.
        rejected: Unusable rows.
        entered: Trajectories begun, including those of earlier runs.
        is_whole: Whether the input has been read to its end.
        read_share: Share of the input that has been read, 0 to 1; None if unknown.
        done: Trajectories that ended, including those of earlier runs of the command.
        failed: Of these, those that ended before all rounds.
        versions: Versions made since the command began.
        replies: Completions since the command began, usable or not.
        is_stopping: Whether no new round starts.
    """

    iterations: int = DEFAULT_ITERATIONS
    limit: int = 0
    rejected: int = 0
    entered: int = 0
    is_whole: bool = False
    read_share: float | None = None
    done: int = 0
    failed: int = 0
    versions: int = 0
    replies: int = 0
    is_stopping: bool = False
    _done_before: int = 0
    _converged: int = 0
    _verified: int = 0
    _prompt_tokens: int = 0
    _cached_tokens: int | None = None
    _generated_tokens: int = 0
    _thinking_tokens: int | None = None
    _abstained: Counter[str] = field(default_factory=Counter)
    _in_round: Counter[int] = field(default_factory=Counter)
    _started: float = field(default_factory=time.monotonic)
    _waits: list[Callable[[], Waiting | None]] = field(default_factory=list)
    _held_back: list[Callable[[], int]] = field(default_factory=list)
    _faults: list[Callable[[], Faults | None]] = field(default_factory=list)
    _jobs: Callable[[], tuple[JobState, ...]] = tuple
    _last_failure: tuple[str, float] | None = None
    _moments: deque[tuple[float, int, int]] = field(default_factory=deque)

    def watch(self, *engines: object, judges: Sequence[object] = ()) -> None:
        """Report the outages, waits, faults and jobs of engines, and the outages of judges."""
        for one in (*engines, *judges):
            if isinstance(one, WaitsForServer):
                self._waits.append(one.waiting)
        for engine in engines:
            if isinstance(engine, ObeysRateLimits):
                self._held_back.append(engine.held_back)
            if isinstance(engine, ReportsFaults):
                self._faults.append(engine.faults)
            if isinstance(engine, BatchApiEngine):
                self._jobs = engine.states

    def resume(self, counts: dict[tuple[StopReason | None, int], int], *, pending: int) -> None:
        """Count what earlier runs of the command did.

        Args:
            counts: Number of trajectories in the store, by reason of their end and rounds done.
            pending: Number of those that will be resumed.
        """
        ended = dict.fromkeys(StopReason, 0)
        for (reason, _), number in counts.items():
            self.entered += number
            if reason is not None:
                ended[reason] += number
        self.done = self._done_before = self.entered - pending
        self.failed = sum(number for reason, number in ended.items() if reason.is_failure)
        self._converged = sum(ended[reason] for reason in _CONVERGED)
        self._verified = ended[StopReason.VERIFIED]

    def started(self, rounds_done: int, end: End | None) -> None:
        """A trajectory was started; if it had ended before, that end is uncounted."""
        self._in_round[self._round_after(rounds_done)] += 1
        if end is not None:
            self.failed -= end.reason.is_failure
            self._converged -= end.reason in _CONVERGED
            self._verified -= end.reason is StopReason.VERIFIED

    def made(self, version: Version) -> None:
        """A version was made and stored."""
        if version.round == 0:
            return
        self.versions += 1
        if isinstance(version.comparison, PanelComparison):
            self._abstained.update(version.comparison.abstaining)
        self._move(version.round, self._round_after(version.round))

    def replied(self, usage: Usage) -> None:
        """The engine returned a completion, usable or not."""
        self.replies += 1
        self._prompt_tokens += usage.prompt_tokens
        self._generated_tokens += usage.generated_tokens
        if usage.cached_tokens is not None:
            self._cached_tokens = (self._cached_tokens or 0) + usage.cached_tokens

        if usage.thinking_tokens is not None:
            self._thinking_tokens = (self._thinking_tokens or 0) + usage.thinking_tokens

    def stopped(self, rounds_done: int, end: End | None) -> None:
        """A trajectory ended (with an end), or was stopped with the batch (without one)."""
        self._move(self._round_after(rounds_done), None)
        if end is not None:
            self.done += 1
            self.failed += end.reason.is_failure
            if end.reason.is_failure:
                self._last_failure = end.detail, time.monotonic()
            self._converged += end.reason in _CONVERGED
            self._verified += end.reason is StopReason.VERIFIED

    @property
    def lacks_tokens(self) -> bool:
        """Whether there were replies, and none reported its tokens."""
        return self.replies > 0 and not self._prompt_tokens + self._generated_tokens

    def snapshot(self) -> Snapshot:
        """The figures at this moment."""
        now = time.monotonic()
        elapsed_s = now - self._started
        versions_per_s, tokens_per_s = self._rates(now)
        cached, thinking = self._cached_tokens, self._thinking_tokens
        waits = (waiting() for waiting in self._waits)
        away_s, limit_s = next(filter(None, waits), (None, None))
        faults = [found for faults in self._faults if (found := faults()) is not None]
        fault = max(faults, key=lambda found: found.last_at_s, default=None)
        failure, failed_at_s = self._last_failure or (None, None)
        return Snapshot(
            elapsed_s=elapsed_s,
            verified=self._verified,
            abstained=dict(self._abstained),
            trajectories=self.entered if self.is_whole else None,
            done=self.done,
            failed=self.failed,
            converged=self._converged,
            rejected=self.rejected,
            versions=self.versions,
            versions_per_s=versions_per_s,
            tokens_per_s=tokens_per_s,
            in_round=dict(sorted(self._in_round.items())),
            limit=self.limit,
            cached_share=None if cached is None else cached / max(1, self._prompt_tokens),
            left_s=self._left_s(elapsed_s),
            server_away_s=away_s,
            server_limit_s=limit_s,
            held_back=sum(held_back() for held_back in self._held_back),
            retries=sum(found.retries for found in faults),
            last_fault=None if fault is None else fault.last,
            last_fault_age_s=None if fault is None else now - fault.last_at_s,
            last_failure=failure,
            last_failure_age_s=None if failed_at_s is None else now - failed_at_s,
            is_stopping=self.is_stopping,
            jobs=self._jobs(),
            thinking_share=None if thinking is None else thinking / max(1, self._generated_tokens),
        )

    def _round_after(self, rounds_done: int) -> int:
        """The round that a trajectory is in; after the last one, still the last one."""
        return min(rounds_done + 1, self.iterations)

    def _rates(self, now: float) -> tuple[float, float]:
        moments = self._moments or deque([(self._started, 0, 0)])
        self._moments = moments
        moments.append((now, self.versions, self._generated_tokens))
        while len(moments) > 2 and moments[1][0] < now - _WINDOW_S:
            moments.popleft()
        then, versions, tokens = moments[0]
        seconds = max(now - then, 1e-9)
        return (self.versions - versions) / seconds, (self._generated_tokens - tokens) / seconds

    def _left_s(self, elapsed_s: float) -> float | None:
        done_now = self.done - self._done_before
        if done_now == 0:
            return None
        total: float = self.entered
        if not self.is_whole:
            if not self.read_share:
                return None
            total /= self.read_share
        return max(0.0, total - self.done) * elapsed_s / done_now

    def _move(self, old: int, new: int | None) -> None:
        self._in_round[old] -= 1
        if self._in_round[old] <= 0:
            del self._in_round[old]
        if new is not None:
            self._in_round[new] += 1
