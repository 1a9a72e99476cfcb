"""Detects an engine or a judge that fails many times in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revloop.trajectory import StopReason

if TYPE_CHECKING:
    from revloop.batch.progress import Progress
    from revloop.trajectory import End

IS_GONE_AFTER = 20
_WHO = {StopReason.ENGINE_FAILED: "engine", StopReason.JUDGE_FAILED: "judge"}


class FailuresInARow:
    """Counts failures in a row, of the engine and of the judge apart.

    Other ends (a rejected request, a full context, unusable replies) count for neither.

    Args:
        progress: Counts successes: any reply resets the engine's count, a version the judge's.
        engines: Number of engines; with two, a version resets their count, since it needs both.
    """

    def __init__(self, progress: Progress, *, engines: int = 1) -> None:
        self._progress = progress
        self._engines = engines
        self._counts = dict.fromkeys(_WHO, 0)
        self._done = dict.fromkeys(_WHO, 0)

    def note(self, end: End) -> str | None:
        """Count the end of a trajectory; returns a sentence if there were too many in a row."""
        reason = end.reason
        if reason not in _WHO:
            return None
        by_replies = reason is StopReason.ENGINE_FAILED and self._engines == 1
        done = self._progress.replies if by_replies else self._progress.versions
        if done != self._done[reason]:
            self._counts[reason], self._done[reason] = 0, done
        self._counts[reason] += 1
        if self._counts[reason] < IS_GONE_AFTER:
            return None
        return (
            f"The {_WHO[reason]} failed {self._counts[reason]} times in a row; the last time: "
            f"{end.detail}"
        )
