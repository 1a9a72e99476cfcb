"""Replay a request without an engine: count what a greedy engine would accept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.speculation.proposers import Method, Proposer
    from benchmarks.speculation.traces import Trace


@dataclass(frozen=True)
class Counts:
    """Counts of a replay. The prefill step, which gives one token, is left out.

    Attributes:
        tokens: Generated tokens.
        steps: Engine steps.
        drafted: Drafted tokens.
        accepted: Accepted tokens.
        drafts: Steps with drafted tokens.
    """

    tokens: int = 0
    steps: int = 0
    drafted: int = 0
    accepted: int = 0
    drafts: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.tokens + other.tokens,
            self.steps + other.steps,
            self.drafted + other.drafted,
            self.accepted + other.accepted,
            self.drafts + other.drafts,
        )

    @property
    def tokens_a_step(self) -> float | None:
        """1 without speculation; None without steps."""
        return self.tokens / self.steps if self.steps else None

    @property
    def accepted_share(self) -> float | None:
        """The share of drafted tokens accepted; None if none were drafted."""
        return self.accepted / self.drafted if self.drafted else None


def common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    """The length of the common prefix."""
    for index, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return index
    return min(len(first), len(second))


def replay(prompt: Sequence[int], answer: Sequence[int], propose: Proposer, k: int) -> Counts:
    """Count the steps of one request.

    Args:
        prompt: Token ids of its prompt.
        answer: Generated token ids.
        propose: Drafts tokens, given the ids so far.
        k: Most tokens to draft at a step.
    """
    counts, done = Counts(), 1
    while done < len(answer):
        drafted = list(propose([*prompt, *answer[:done]], k))[:k]
        right = common_prefix(drafted, answer[done:])
        # accepted tokens are followed by one of the engine's own, unless the answer has ended
        out = min(right + 1, len(answer) - done)
        counts += Counts(out, 1, len(drafted), right, bool(drafted))
        done += out
    return counts


def replay_all(traces: Iterable[Trace], method: Method, k: int) -> Counts:
    """Count the steps of several requests."""
    total = Counts()
    for trace in traces:
        total += replay(trace.prompt, trace.answer, method(trace), k)
    return total
