"""Training curves as a PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_WIDTH_IN, _HEIGHT_IN, _DPI = 8.0, 6.0, 120


def draw_curves(history: Sequence[dict[str, float]], path: Path) -> None:
    """Plot loss and learning rate over the steps.

    Args:
        history: Rows with ``step`` and ``loss`` (nats a token), ``eval_loss``, ``learning_rate``.
        path: The PNG to write.
    """
    # not pyplot, which keeps its figures in a global list
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH_IN, _HEIGHT_IN), layout="constrained")
    loss, rate = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    loss.plot(*_series(history, "loss"), label="training", linewidth=1)
    held_out = _series(history, "eval_loss")
    if held_out[0]:
        loss.plot(*held_out, label="held-out records", marker="o")
    loss.set_ylabel("loss (nats a target token)")
    loss.legend()
    rate.plot(*_series(history, "learning_rate"), color="grey", linewidth=1)
    rate.set_ylabel("learning rate")
    rate.set_xlabel("step")
    figure.savefig(path, dpi=_DPI, format="png")


def _series(history: Sequence[dict[str, float]], name: str) -> tuple[list[float], list[float]]:
    rows = [row for row in history if name in row]
    return [row["step"] for row in rows], [row[name] for row in rows]
