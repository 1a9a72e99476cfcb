"""Plots of results, without a display; the same figures give the same file."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matplotlib.figure import Figure


@contextmanager
def saved_figure(path: Path, width: float, height: float, dpi: int = 130) -> Iterator[Figure]:
    """A figure to draw on, saved when the block ends.

    Args:
        path: The file to write.
        width: In inches.
        height: In inches.
        dpi: Dots per inch.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    yield figure
    path.parent.mkdir(parents=True, exist_ok=True)
    # without the version of matplotlib, which changes the file
    figure.savefig(path, dpi=dpi, metadata={"Software": None})
