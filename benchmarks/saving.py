"""Results as files: the figures, with what they were measured on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revloop.bench.machine import machine

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks" / "results"


def save(name: str, figures: Mapping[str, Any]) -> Path:
    """Write figures to ``results/NAME.json``."""
    path = FOLDER / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    content = {"date": datetime.now(UTC).date().isoformat(), "machine": machine(), **figures}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))
    print(f"written to {path}")
    return path
