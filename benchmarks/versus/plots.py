"""The plots of a comparison, from its results alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.versus.sides import BARRIER, FIXED, REVLOOP

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def plot_timeline(rows: Sequence[Mapping[str, str]], path: Path) -> None:
    """Requests that run in the engine over time, for revloop and for batches with a barrier.

    Args:
        rows: ``side``, ``at_s`` and ``running`` of each moment, as texts.
        path: The picture.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    sides = {row["side"] for row in rows}
    ours = FIXED if FIXED in sides else REVLOOP  # with the same number of requests
    figure, axes = plt.subplots(figsize=(7.2, 3.6), layout="constrained")
    for side, colour in ((BARRIER, "tab:orange"), (ours, "tab:blue")):
        times = [float(row["at_s"]) for row in rows if row["side"] == side]
        running = [int(row["running"]) for row in rows if row["side"] == side]
        axes.step(times, running, where="post", color=colour, linewidth=1.2, label=side)
    axes.set(
        xlabel="time since the start, s",
        ylabel="requests running in the engine",
    )
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    _save(figure, path)


def plot_ratios(results: Mapping[str, Any], path: Path) -> None:
    """How many times as fast revloop is as each other side, with the spread of the repeats."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    sides = {side: found for side, found in results["sides"].items() if side != REVLOOP}
    found = [figures["revloop_over_it"] for figures in sides.values()]
    medians = [one["median"] for one in found]
    below = [one["median"] - one["least"] for one in found]
    above = [one["most"] - one["median"] for one in found]
    figure, axes = plt.subplots(figsize=(7.2, 0.6 * len(sides) + 1.2), layout="constrained")
    bars = axes.barh(list(sides), medians, xerr=[below, above], capsize=3, color="tab:blue")
    axes.bar_label(bars, fmt="%.2f", padding=4, label_type="center", color="white")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set(xlabel="revloop's versions/s over it, times (median, least to most)")
    axes.invert_yaxis()
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot as plt

    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)
