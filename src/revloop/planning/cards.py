"""Figures of GPUs: peaks from their vendors' data sheets, memory as CUDA reports it."""

from __future__ import annotations

from pydantic import Field, PositiveFloat, PositiveInt

from revloop.errors import DoesNotFitError
from revloop.values import Frozen


class Card(Frozen):
    """One GPU model."""

    name: str = Field(description="Its name for `--gpu`.")
    title: str = Field(description="Its vendor's name.")
    bf16_tflops: PositiveFloat = Field(description="Dense bf16, in 10^12 operations a second.")
    fp8_tflops: PositiveFloat | None = Field(
        None, description="Dense fp8, likewise; None if the card computes in bf16 instead."
    )
    bandwidth_gb_s: PositiveFloat = Field(description="Of its memory, in 10^9 bytes a second.")
    memory_gib: PositiveFloat = Field(
        description="As CUDA reports it, with ECC where the card has it: what vLLM divides."
    )
    source: str = Field(description="Where the peaks come from.")
    gpus_per_node: PositiveInt = Field(8, description="GPUs in a usual server of this card.")


# FLOP/s are those of dense matrix multiplication with sums in fp32: NVIDIA's sheets print twice
# that for sparse ones, and for GeForce cards twice that again for sums in fp16.
#
# Memory: a sheet's "80 GB" is neither 10^9 nor 2^30 bytes. nvidia-smi gives 81,559 MiB for an H100,
# 81,920 for an A100 80GB, 40,960 for an A100 40GB, 23,028 for an A10, 46,068 for an L40S and 23,034
# for an L4 (github.com/modal-labs/modal-client/pull/2797), 32,607 for an RTX 5090. A program gets
# about 1% less: 79.11 GiB of an H100 (github.com/vllm-project/vllm/issues/27508), 79.15 of an A100
# (.../issues/4408), 178.35 of a B200 (github.com/pytorch/ao/pull/4002), 23.52 to 23.64 of an
# RTX 4090. The others are nvidia-smi's figure less that share. All are rounded down.
_NVIDIA = "https://www.nvidia.com/en-us"
_CENTER = f"{_NVIDIA}/data-center"
_GEFORCE = f"{_NVIDIA}/geforce/graphics-cards"
_COLUMNS = (
    *("name", "title", "bf16_tflops", "fp8_tflops", "bandwidth_gb_s", "memory_gib"),
    *("gpus_per_node", "source"),
)
_TABLE = (
    (
        *("a100-40", "A100 40GB SXM", 312, None, 1555, 39.4, 8),
        f"A100 data sheet of 2020; {_CENTER}/a100/",
    ),
    (*("a100", "A100 80GB SXM", 312, None, 2039, 79.1, 8), f"A100 data sheet; {_CENTER}/a100/"),
    (
        *("h100", "H100 SXM", 989, 1979, 3350, 79.1, 8),
        f"H100 data sheet, 1,979 TFLOPS with sparsity; {_CENTER}/h100/",
    ),
    (
        *("h100-pcie", "H100 PCIe", 756, 1513, 2000, 79.1, 8),
        f"H100 data sheet of 2022, 1,513 TFLOPS with sparsity; {_CENTER}/h100/",
    ),
    (
        *("h200", "H200 SXM", 989, 1979, 4800, 139.7, 8),
        f"H200 data sheet, 1,979 TFLOPS with sparsity; {_CENTER}/h200/",
    ),
    (
        *("b200", "B200 in a DGX or HGX B200", 2250, 4500, 8000, 178.3, 8),
        f"an eighth of a DGX B200 (64 TB/s); {_CENTER}/dgx-b200/",
    ),
    (
        *("l40s", "L40S", 362, 733, 864, 44.5, 8),
        f"L40S data sheet, 362.05 TFLOPS dense; {_CENTER}/l40s/",
    ),
    (
        *("l4", "L4", 121, 242, 300, 22.0, 8),
        f"L4 data sheet, 242 TFLOPS with sparsity; {_CENTER}/l4/",
    ),
    (
        *("a10g", "A10G", 70, None, 600, 22.0, 8),
        "A10G as in Amazon's G5, 70 TFLOPS dense; https://aws.amazon.com/ec2/instance-types/g5/",
    ),
    (
        *("rtx5090", "GeForce RTX 5090", 209.5, 419, 1792, 31.3, 1),
        f"RTX Blackwell architecture paper; {_GEFORCE}/50-series/rtx-5090/",
    ),
    (
        *("rtx4090", "GeForce RTX 4090", 165.2, 330.3, 1008, 23.5, 1),
        f"Ada architecture paper; {_GEFORCE}/40-series/rtx-4090/",
    ),
    (
        *("rtx4080", "GeForce RTX 4080", 97.5, 194.9, 716.8, 15.7, 1),
        f"Ada architecture paper; {_GEFORCE}/40-series/rtx-4080-family/",
    ),
    (
        *("rtx4070ti", "GeForce RTX 4070 Ti", 80.2, 160.4, 504.2, 11.7, 1),
        f"Ada architecture paper; {_GEFORCE}/40-series/rtx-4070-family/",
    ),
    (
        *("rtx3090", "GeForce RTX 3090", 71, None, 936, 23.5, 1),
        f"Ampere GA102 architecture paper; {_GEFORCE}/30-series/rtx-3090/",
    ),
    (
        *("rtx3060", "GeForce RTX 3060 12GB", 25.5, None, 360, 11.7, 1),
        f"twice its fp32 (GA102 architecture paper); {_GEFORCE}/30-series/rtx-3060-3060ti/",
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
