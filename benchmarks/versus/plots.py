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
    figure, panels = plt.subplots(
        2, figsize=(7.2, 4.4), sharex=True, sharey=True, layout="constrained"
    )
    for axes, side, colour in zip(panels, (ours, BARRIER), ("tab:blue", "tab:orange"), strict=True):
        times = [float(row["at_s"]) for row in rows if row["side"] == side]
        running = [int(row["running"]) for row in rows if row["side"] == side]
        axes.fill_between(times, running, step="post", color=colour, alpha=0.7)
        axes.set_title(side, loc="left", fontsize="medium")
        axes.set(xlim=(0, None), ylim=(0, None))
        axes.grid(alpha=0.3)
    figure.supylabel("requests running in the engine", fontsize="medium")
    panels[-1].set_xlabel("time since the start, s")
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
    labels = [f"  {one['median']:.2f} ({one['least']:.2f} to {one['most']:.2f})" for one in found]
    figure, axes = plt.subplots(figsize=(7.2, 0.5 * len(sides) + 1.0), layout="constrained")
    axes.barh(list(sides), medians, xerr=[below, above], height=0.6, capsize=3, color="tab:blue")
    for place, (label, one) in enumerate(zip(labels, found, strict=True)):
        axes.text(one["most"], place, label, verticalalignment="center", fontsize="small")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlim(right=1.5 * max(one["most"] for one in found))
    axes.set_xlabel("revloop's versions/s over it, times: median (least to most)")
    axes.invert_yaxis()
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot as plt

    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)
