"""The prompts of IFEval that are measured."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def chosen_rows(data: Path, prompts: int | None) -> list[dict[str, Any]]:
    """So many rows, at random; the sample of more prompts begins with that of fewer.

    Args:
        data: The folder with `ifeval/prompts.jsonl`.
        prompts: How many; None for all.
    """
    lines = (data / "ifeval" / "prompts.jsonl").read_text("utf-8").splitlines()
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return Random(0).sample(rows, len(rows))[:prompts]
