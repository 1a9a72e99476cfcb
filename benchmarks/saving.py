"""Save figures with the machine that they were measured on."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revloop.bench import Spread
from revloop.bench.machine import machine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[1]
FOLDER = Path(os.environ.get("REVLOOP_RESULTS", ROOT / "benchmarks" / "results"))
"""Where results go; the variable keeps trials out of the results that the pages show."""


def spread(values: Sequence[float], digits: int = 4) -> dict[str, float]:
    """Median, least and most of some values, rounded, ready for JSON."""
    found = Spread.of(values).model_dump(exclude={"values"})
    return {name: round(value, digits) for name, value in found.items()}


def save(name: str, figures: Mapping[str, Any]) -> Path:
    """Write figures to ``NAME.json`` in the folder of the results."""
    path = FOLDER / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"date": datetime.now(UTC).date().isoformat(), "machine": machine(), **figures}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))
    print(f"written to {path}")
    return path
