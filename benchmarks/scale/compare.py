"""The planner's prediction beside what was measured, on any machine whose speed is known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat, PositiveInt

from revloop.planning import Assumptions, Card, Job, TokenLengths, plan_job
from revloop.values import Frozen

if TYPE_CHECKING:
    from revloop.models.shape import ModelShape

PERFECT = Assumptions(flops_share=1, bandwidth_share=1, tensor_parallel_share=1)
"""Nothing assumed: the roofline itself, which no engine can pass."""


class Machine(Frozen):
    """What one worker's share of a machine was measured to do."""

    name: str
    gflops: PositiveFloat = Field(description="Matrix products in bf16, 10^9 operations a second.")
    bandwidth_gb_s: PositiveFloat = Field(description="Reading memory, 10^9 bytes a second.")
    memory_gib: PositiveFloat = Field(description="What a worker may fill.")
    workers: PositiveInt = Field(description="Workers that share the model: tensor-parallel size.")

    @property
    def card(self) -> Card:
        """The machine as the planner sees it: each worker is a card."""
        return Card(
            name="measured",
            title=self.name,
            bf16_tflops=self.gflops / 1e3,
            bandwidth_gb_s=self.bandwidth_gb_s,
            memory_gb=self.memory_gib * 2**30 / 1e9,
            gpus_per_node=self.workers,
            source="measured",
        )


class Measured(Frozen):
    """One job that was run."""

    machine: Machine
    engine: str = Field(description="What ran it, with its version.")
    drafts: PositiveInt
    at_once: PositiveInt = Field(description="Drafts in hand at the same time.")
    lengths: TokenLengths = Field(description="As they came out, rounds included.")
    seconds: PositiveFloat
    generated_tokens: PositiveInt
    prompt_tokens: PositiveInt
    cached_tokens: int = Field(ge=0, description="Prompt tokens from the prefix cache.")

    @property
    def tokens_per_s(self) -> float:
        """Generated tokens a second."""
        return self.generated_tokens / self.seconds


class Comparison(Frozen):
    """A prediction beside its measurement.

    Attributes:
        predicted_tokens_per_s: What the roofline allows, with nothing assumed lost.
        measured_tokens_per_s: What came out.
        limit: What the planner says limits the job.
    """

    predicted_tokens_per_s: float
    measured_tokens_per_s: float
    limit: str

    @property
    def reached(self) -> float:
        """The share of the roofline that was reached."""
        return self.measured_tokens_per_s / self.predicted_tokens_per_s


def compare(shape: ModelShape, measured: Measured) -> Comparison:
    """Predict a job that was run, on the machine as it was measured, and put both side by side.

    Raises:
        DoesNotFitError: The machine's memory does not hold the model.
    """
    machine, lengths = measured.machine, measured.lengths
    planned = plan_job(
        shape,
        machine.card,
        machine.workers,
        Job(
            drafts=measured.drafts,
            iterations=max(1, math.ceil(lengths.rounds or 1)),
            lengths=lengths,
        ),
        assumptions=PERFECT.model_copy(update={"max_num_seqs": measured.at_once}),
        tensor_parallel_size=machine.workers,
    )
    return Comparison(
        predicted_tokens_per_s=planned.tokens_per_s,
        measured_tokens_per_s=measured.tokens_per_s,
        limit=planned.limit.value,
    )
