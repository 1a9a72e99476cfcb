"""The size of the weights in a model's folder, from the headers of its safetensors files.

The format: 8 bytes with the length of a JSON object, the object with each tensor's place, then the
tensors (https://github.com/huggingface/safetensors, "Format").
"""

from __future__ import annotations

import json
import re
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_INDEX = "model.safetensors.index.json"
_LONGEST_HEADER_BYTES = 100_000_000
"""The limit of the format's own library."""

_LAYER = re.compile(r"^model\.layers\.(\d+)\.")


def stored_bytes(folder: Path, layers: int) -> int | None:
    """Bytes of the weights in a folder, or None if they are not all there.

    An index alone is enough: it holds the total. Files are exact: they tell tensors of layers
    beyond the last apart, which predict further tokens and are not loaded.

    Args:
        folder: The model's folder.
        layers: Number of decoder layers.
    """
    index = _read_json(folder / _INDEX)
    names = _file_names(folder, index)
    sizes = [_file_bytes(folder / name, layers) for name in names]
    if sizes and None not in sizes:
        return sum(size for size in sizes if size is not None) or None
    metadata = index.get("metadata")
    total: object = metadata.get("total_size") if isinstance(metadata, dict) else None
    return total if isinstance(total, int) and total > 0 else None


def _file_names(folder: Path, index: dict[str, Any]) -> list[str]:
    """The files that vLLM loads: those of the index, or all but a second copy."""
    placed = index.get("weight_map")
    if isinstance(placed, dict):
        return sorted({str(name) for name in placed.values()})
    names = sorted(path.name for path in folder.glob("*.safetensors"))
    # Mistral's repositories hold the weights twice
    return [name for name in names if not name.startswith("consolidated")] or names


def _file_bytes(path: Path, layers: int) -> int | None:
    """Bytes of the tensors of one file, or None if it cannot be read."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _LONGEST_HEADER_BYTES:
                return None
            header = json.loads(file.read(length))
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        return sum(
            int(entry["data_offsets"][1]) - int(entry["data_offsets"][0])
            for name, entry in tensors.items()
            if not _is_beyond(name, layers)
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        return None


def _is_beyond(tensor: str, layers: int) -> bool:
    found = _LAYER.match(tensor)
    return found is not None and int(found[1]) >= layers


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
