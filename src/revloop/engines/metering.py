"""Counts what requests to an engine took, whatever became of their replies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from revloop.trajectory import ModelUsage, Spending, Usage


@runtime_checkable
class ReportsSpending(Protocol):
    """An engine or a judge that reports what its requests took."""

    def spending(self) -> Spending:
        """What they took so far, tries that failed included; its model is in it from the start."""
        ...


@dataclass(slots=True)
class Meter:
    """Requests to one model, and their tokens so far.

    Attributes:
        requests: Requests that were sent, each try counted.
        prompt_tokens: Tokens of their prompts.
        cached_tokens: Of these, those from the prefix cache; None if never reported.
        generated_tokens: Tokens of their answers.
    """

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int | None = None
    generated_tokens: int = 0

    def note(self, usage: Usage) -> None:
        """Count the tokens of one request."""
        self.prompt_tokens += usage.prompt_tokens
        self.generated_tokens += usage.generated_tokens
        if usage.cached_tokens is not None:
            self.cached_tokens = (self.cached_tokens or 0) + usage.cached_tokens

    def spending(self, model: str) -> Spending:
        """What the requests took, as those to a model."""
        usage = Usage(
            prompt_tokens=self.prompt_tokens,
            cached_tokens=self.cached_tokens,
            generated_tokens=self.generated_tokens,
        )
        return Spending({model: ModelUsage(model=model, requests=self.requests, usage=usage)})


def spending_of(part: object) -> Spending:
    """What an engine or a judge reports; nothing if it does not."""
    return part.spending() if isinstance(part, ReportsSpending) else Spending()
