"""Peak figures of GPUs, from their vendors' data sheets."""

from __future__ import annotations

from pydantic import Field, PositiveFloat, PositiveInt

from revloop.errors import DoesNotFitError
from revloop.values import Frozen

_GIB = 2**30


class Card(Frozen):
    """One GPU model."""

    name: str = Field(description="Its name for `--gpu`.")
    title: str = Field(description="Its vendor's name.")
    bf16_tflops: PositiveFloat = Field(description="Dense bf16, in 10^12 operations a second.")
    bandwidth_gb_s: PositiveFloat = Field(description="Of its memory, in 10^9 bytes a second.")
    memory_gb: PositiveFloat = Field(description="In 10^9 bytes: see `memory_gib`.")
    source: str = Field(description="Where the figures come from.")
    gpus_per_node: PositiveInt = Field(8, description="GPUs in a usual server of this card.")

    @property
    def memory_gib(self) -> float:
        """Its memory in GiB, a gigabyte of the sheet taken as 10^9 bytes.

        This is a lower bound: drivers report up to 7% more.
        """
        return self.memory_gb * 1e9 / _GIB


# FLOP/s of dense matrix multiplication: NVIDIA's sheets print twice that, for sparse ones.
_NVIDIA = "https://www.nvidia.com/en-us/data-center"
_COLUMNS = ("name", "title", "bf16_tflops", "bandwidth_gb_s", "memory_gb", "source")
_TABLE = (
    ("a100-40", "A100 40GB SXM", 312, 1555, 40, f"A100 data sheet of 2020; {_NVIDIA}/a100/"),
    ("a100", "A100 80GB SXM", 312, 2039, 80, f"A100 data sheet; {_NVIDIA}/a100/"),
    (
        *("h100", "H100 SXM", 989, 3350, 80),
        f"H100 data sheet, 1,979 TFLOPS with sparsity; {_NVIDIA}/h100/",
    ),
    (
        *("h100-pcie", "H100 PCIe", 756, 2000, 80),
        f"H100 data sheet of 2022, 1,513 TFLOPS with sparsity; {_NVIDIA}/h100/",
    ),
    (
        *("h200", "H200 SXM", 989, 4800, 141),
        f"H200 data sheet, 1,979 TFLOPS with sparsity; {_NVIDIA}/h200/",
    ),
    ("l40s", "L40S", 362, 864, 48, f"L40S data sheet, 362.05 TFLOPS dense; {_NVIDIA}/l40s/"),
    (
        *("b200", "B200 in a DGX or HGX B200", 2250, 8000, 180),
        f"an eighth of a DGX B200 (1,440 GB, 64 TB/s); {_NVIDIA}/dgx-b200/",
    ),
)
CARDS = tuple(Card.model_validate(dict(zip(_COLUMNS, row, strict=True))) for row in _TABLE)
"""The cards that revloop has figures for."""


def card_names() -> str:
    """The names of all cards, for a message or a help text."""
    return ", ".join(card.name for card in CARDS)


def card_named(name: str) -> Card:
    """The card of that name, in any case.

    Raises:
        DoesNotFitError: There are no figures for such a card.
    """
    for card in CARDS:
        if card.name == name.lower():
            return card
    raise DoesNotFitError(f"There are no figures for the GPU '{name}'. Known: {card_names()}.")
