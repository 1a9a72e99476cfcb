"""Spending: the requests and tokens that models took."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import Field

from revloop.trajectory.steps import REVISION_KINDS, Usage
from revloop.values import AnyText, Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from revloop.trajectory.steps import Step

UNKNOWN_MODEL = "unknown"
"""The model of requests that were recorded without one."""


class ModelUsage(Frozen):
    """Requests to one model, and their tokens."""

    model: AnyText = Field(description="The model's name, as its engine knows it.")
    requests: int = Field(default=0, ge=0, description="Answers that it was asked for.")
    usage: Usage = Usage()


@dataclass(slots=True)
class Spending:
    """Requests and tokens, by model.

    Attributes:
        by_model: What each model took, in the order of their first requests.
    """

    by_model: dict[str, ModelUsage] = field(default_factory=dict)

    def add(self, part: ModelUsage | Spending) -> None:
        """Add the requests to one model, or all of another sum."""
        for one in (part,) if isinstance(part, ModelUsage) else part.by_model.values():
            before = self.by_model.get(one.model)
            self.by_model[one.model] = one if before is None else _sum(before, one)

    @property
    def requests(self) -> int:
        """Requests to all models."""
        return sum(one.requests for one in self.by_model.values())

    @property
    def usage(self) -> Usage:
        """Tokens of all models."""
        return sum((one.usage for one in self.by_model.values()), Usage())

    @property
    def tokens(self) -> int:
        """Prompt tokens and generated tokens of all models; cached ones count like others."""
        return self.usage.prompt_tokens + self.usage.generated_tokens


def summed(parts: Iterable[ModelUsage | Spending]) -> Spending:
    """The sum of several."""
    whole = Spending()
    for part in parts:
        whole.add(part)
    return whole


def merged(earlier: Mapping[int, Spending], later: Mapping[int, Spending]) -> dict[int, Spending]:
    """What each round took in two sets of trajectories, by round."""
    return {
        number: summed([earlier.get(number, Spending()), later.get(number, Spending())])
        for number in sorted({*earlier, *later})
    }


def spent_on_steps(
    steps: Sequence[Step], critic: str | None, editor: str | None
) -> list[ModelUsage]:
    """What requests to critic and editor took.

    Args:
        steps: The requests.
        critic: The critic's model; None: it was not recorded.
        editor: The editor's; None: the critic revises.
    """
    models = (critic or UNKNOWN_MODEL, editor or critic or UNKNOWN_MODEL)
    return [
        ModelUsage(model=models[step.kind in REVISION_KINDS], requests=1, usage=step.usage)
        for step in steps
    ]


def _sum(one: ModelUsage, other: ModelUsage) -> ModelUsage:
    return ModelUsage(
        model=one.model,
        requests=one.requests + other.requests,
        usage=one.usage + other.usage,
    )
