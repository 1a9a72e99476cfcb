"""Compare the planner's prediction with a measurement, on a machine of known speed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat, PositiveInt

from revloop.planning import Assumptions, Card, Job, TokenLengths, plan_job
from revloop.values import Frozen

if TYPE_CHECKING:
    from revloop.models.shape import ModelShape

PERFECT = Assumptions(flops_share=1, bandwidth_share=1, tensor_parallel_share=1)
"""No losses: the roofline itself, which no engine can exceed."""


class Machine(Frozen):
    """The measured speed of one worker's share of a machine."""

    name: str
    gflops: PositiveFloat = Field(description="Matrix products in bf16, 10^9 operations a second.")
    bandwidth_gb_s: PositiveFloat = Field(description="Reading memory, 10^9 bytes a second.")
    memory_gib: PositiveFloat = Field(description="Available to one worker.")
    workers: PositiveInt = Field(description="Workers that share the model: tensor-parallel size.")

    @property
    def card(self) -> Card:
        """The machine for the planner: each worker is a card."""
        return Card(
            name="measured",
            title=self.name,
            bf16_tflops=self.gflops / 1e3,
            bandwidth_gb_s=self.bandwidth_gb_s,
            memory_gib=self.memory_gib,
            gpus_per_node=self.workers,
            source="measured",
        )


class Measured(Frozen):
    """One measured job."""

    machine: Machine
    engine: str = Field(description="The engine and its version.")
    drafts: PositiveInt
    at_once: PositiveInt = Field(description="Concurrent drafts.")
    lengths: TokenLengths = Field(description="As measured, including rounds.")
    seconds: PositiveFloat
    generated_tokens: PositiveInt
    prompt_tokens: PositiveInt
    cached_tokens: int = Field(ge=0, description="Prompt tokens from the prefix cache.")

    @property
    def tokens_per_s(self) -> float:
        """Generated tokens a second."""
        return self.generated_tokens / self.seconds


class Comparison(Frozen):
    """A prediction and its measurement.

    Attributes:
        predicted_tokens_per_s: The roofline, without losses.
        measured_tokens_per_s: The measurement.
        limit: What limits the job, according to the planner.
    """

    predicted_tokens_per_s: float
    measured_tokens_per_s: float
    limit: str

    @property
    def reached(self) -> float:
        """The share of the roofline reached."""
        return self.measured_tokens_per_s / self.predicted_tokens_per_s


def compare(shape: ModelShape, measured: Measured) -> Comparison:
    """Predict a measured job for the measured machine, and compare.

    Raises:
        DoesNotFitError: The model does not fit into the machine's memory.
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
