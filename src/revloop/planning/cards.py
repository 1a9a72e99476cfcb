"""What GPUs can do at best, by their vendors' data sheets.

FLOP/s are those of dense bf16 matrix multiplication with tensor cores. NVIDIA's sheets print the
figure with sparsity, which no dense model reaches: it is twice the one here.
"""

from __future__ import annotations

from pydantic import Field, PositiveFloat, PositiveInt

from revloop.errors import DoesNotFitError
from revloop.values import Frozen

_GIB = 2**30


class Card(Frozen):
    """One GPU, by its data sheet."""

    name: str = Field(description="What `--gpu` calls it.")
    title: str = Field(description="What its vendor calls it.")
    bf16_tflops: PositiveFloat = Field(description="Dense bf16, in 10^12 operations a second.")
    bandwidth_gb_s: PositiveFloat = Field(description="Of its memory, in 10^9 bytes a second.")
    memory_gb: PositiveFloat = Field(description="In 10^9 bytes: see `memory_gib`.")
    gpus_per_node: PositiveInt = Field(8, description="GPUs in a usual server of this card.")
    source: str = Field(description="Where the figures stand.")

    @property
    def memory_gib(self) -> float:
        """Its memory in GiB, a gigabyte of the sheet read as 10^9 bytes.

        That is the smaller reading: drivers report up to 7% more. Whoever knows better says so.
        """
        return self.memory_gb * 1e9 / _GIB


_NVIDIA = "https://www.nvidia.com/en-us/data-center"
CARDS = (
    Card(
        name="a100-40",
        title="A100 40GB SXM",
        bf16_tflops=312,
        bandwidth_gb_s=1555,
        memory_gb=40,
        source=f"A100 data sheet of 2020; {_NVIDIA}/a100/",
    ),
    Card(
        name="a100",
        title="A100 80GB SXM",
        bf16_tflops=312,
        bandwidth_gb_s=2039,
        memory_gb=80,
        source=f"A100 data sheet; {_NVIDIA}/a100/",
    ),
    Card(
        name="h100",
        title="H100 SXM",
        bf16_tflops=989,
        bandwidth_gb_s=3350,
        memory_gb=80,
        source=f"H100 data sheet, 1,979 TFLOPS with sparsity; {_NVIDIA}/h100/",
    ),
    Card(
        name="h100-pcie",
        title="H100 PCIe",
        bf16_tflops=756,
        bandwidth_gb_s=2000,
        memory_gb=80,
        source=f"H100 data sheet of 2022, 1,513 TFLOPS with sparsity; {_NVIDIA}/h100/",
    ),
    Card(
        name="h200",
        title="H200 SXM",
        bf16_tflops=989,
        bandwidth_gb_s=4800,
        memory_gb=141,
        source=f"H200 data sheet, 1,979 TFLOPS with sparsity; {_NVIDIA}/h200/",
    ),
    Card(
        name="l40s",
        title="L40S",
        bf16_tflops=362,
        bandwidth_gb_s=864,
        memory_gb=48,
        source=f"L40S data sheet, 362.05 TFLOPS dense; {_NVIDIA}/l40s/",
    ),
    Card(
        name="b200",
        title="B200 in a DGX or HGX B200",
        bf16_tflops=2250,
        bandwidth_gb_s=8000,
        memory_gb=180,
        source=f"an eighth of a DGX B200 (1,440 GB, 64 TB/s); {_NVIDIA}/dgx-b200/",
    ),
)
"""The cards that revloop has figures of."""


def card_names() -> str:
    """The names of all cards, for a message or a help text."""
    return ", ".join(card.name for card in CARDS)


def card_named(name: str) -> Card:
    """The card of a name, in any case.

    Raises:
        DoesNotFitError: There are no figures for such a card.
    """
    for card in CARDS:
        if card.name == name.lower():
            return card
    raise DoesNotFitError(f"There are no figures for a GPU '{name}'. There are: {card_names()}.")
