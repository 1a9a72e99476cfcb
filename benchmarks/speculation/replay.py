"""Replay a request without an engine: what a greedy engine would have accepted at each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.speculation.proposers import Method, Proposer
    from benchmarks.speculation.traces import Trace


@dataclass(frozen=True)
class Counts:
    """What a replay counted. The step that reads the prompt gives one token and is left out.

    Attributes:
        tokens: Tokens that came out.
        steps: Steps that the engine took for them.
        drafted: Tokens that were drafted.
        accepted: Drafted tokens that came out.
        drafts: Steps at which anything was drafted.
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
        """1 without speculation; None where there was no step."""
        return self.tokens / self.steps if self.steps else None

    @property
    def accepted_share(self) -> float | None:
        """Of the tokens that were drafted; None where none was."""
        return self.accepted / self.drafted if self.drafted else None


def common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    """The number of tokens at the start that are the same."""
    for index, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return index
    return min(len(first), len(second))


def replay(prompt: Sequence[int], answer: Sequence[int], propose: Proposer, k: int) -> Counts:
    """Count the steps of one request.

    Args:
        prompt: Token ids of its prompt.
        answer: Token ids that the engine generates.
        propose: Drafts from the ids so far.
        k: The most tokens to draft at a step.
    """
    counts, done = Counts(), 1
    while done < len(answer):
        drafted = list(propose([*prompt, *answer[:done]], k))[:k]
        right = common_prefix(drafted, answer[done:])
        # the engine's own token comes after what it accepts, unless the answer has ended
        out = min(right + 1, len(answer) - done)
        counts += Counts(out, 1, len(drafted), right, bool(drafted))
        done += out
    return counts


def replay_all(traces: Iterable[Trace], method: Method, k: int) -> Counts:
    """Count the steps of several requests, one after the other."""
    total = Counts()
    for trace in traces:
        total += replay(trace.prompt, trace.answer, method(trace), k)
    return total
