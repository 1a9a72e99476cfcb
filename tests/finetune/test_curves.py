"""Curves as a PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from revloop.finetune.curves import draw_curves

if TYPE_CHECKING:
    from pathlib import Path

TRAINING = [{"step": n, "loss": 3.0 / n, "learning_rate": 1e-4} for n in range(1, 9)]


@pytest.mark.parametrize(
    "history", [[], TRAINING, [*TRAINING, {"step": 4, "eval_loss": 2.0}]], ids=str
)
def test_curves_are_drawn_from_partial_metrics(
    history: list[dict[str, float]], tmp_path: Path
) -> None:
    path = tmp_path / "curves.png"
    draw_curves(history, path)
    assert path.read_bytes().startswith(b"\x89PNG")
