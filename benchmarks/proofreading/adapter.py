"""Makes a trained adapter small enough to ship: a lower rank, in bf16."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SHIPPED_RANK = 8
_WEIGHTS, _SETTINGS = "adapter_model.safetensors", "adapter_config.json"


def shrink(adapter: Path, folder: Path, rank: int = SHIPPED_RANK) -> None:
    """Write the best adapter of a rank, by the squared error of each product B A.

    Args:
        adapter: Folder of a LoRA adapter.
        folder: Folder to write.
        rank: At most this rank.
    """
    import torch
    from safetensors.torch import load_file, save_file

    settings = json.loads((adapter / _SETTINGS).read_bytes())
    rank, before = min(rank, settings["r"]), settings["r"]
    matrices = load_file(adapter / _WEIGHTS)
    smaller: dict[str, Any] = {}
    for name in matrices:
        if ".lora_A." in name:
            other = name.replace(".lora_A.", ".lora_B.")
            smaller |= _truncated(matrices, name, other, rank)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: one.to(torch.bfloat16).contiguous() for name, one in smaller.items()},
        folder / _WEIGHTS,
        metadata={"format": "pt"},
    )
    settings |= {
        "r": rank,
        "lora_alpha": settings["lora_alpha"] * rank / before,  # alpha / rank stays
        "base_model_name_or_path": "SmolLM2-135M-Instruct",
    }
    text = json.dumps(settings, indent=2, sort_keys=True)
    (folder / _SETTINGS).write_text(f"{text}\n", encoding="utf-8")


def _truncated(
    matrices: Mapping[str, Any], down_name: str, up_name: str, rank: int
) -> dict[str, Any]:
    """Two matrices of a lower rank whose product is nearest (Eckart and Young)."""
    import torch

    down, up = matrices[down_name].float(), matrices[up_name].float()
    rows, row_factor = torch.linalg.qr(down.T)
    columns, column_factor = torch.linalg.qr(up)
    left, values, right = torch.linalg.svd(column_factor @ row_factor.T)
    roots = values[:rank].sqrt()
    return {
        up_name: columns @ (left[:, :rank] * roots),
        down_name: (roots[:, None] * right[:rank]) @ rows.T,
    }
