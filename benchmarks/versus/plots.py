"""The plots of a comparison, from its results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.plotting import saved_figure
from benchmarks.versus.sides import BARRIER, FIXED, REVLOOP

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def plot_timeline(rows: Sequence[Mapping[str, str]], path: Path) -> None:
    """Plot requests running in the engine over time, for revloop and batches with a barrier.

    Args:
        rows: ``side``, ``at_s`` and ``running`` of each sample, as texts.
        path: The file to write.
    """
    sides = {row["side"] for row in rows}
    ours = FIXED if FIXED in sides else REVLOOP  # with the same number of requests
    with saved_figure(path, 7.2, 4.4) as figure:
        panels = figure.subplots(2, sharex=True, sharey=True)
        colours = ("tab:blue", "tab:orange")
        for axes, side, colour in zip(panels, (ours, BARRIER), colours, strict=True):
            times = [float(row["at_s"]) for row in rows if row["side"] == side]
            running = [int(row["running"]) for row in rows if row["side"] == side]
            axes.fill_between(times, running, step="post", color=colour, alpha=0.7)
            axes.set_title(side, loc="left", fontsize="medium")
            axes.set(xlim=(0, None), ylim=(0, None))
            axes.grid(alpha=0.3)
        figure.supylabel("requests running in the engine", fontsize="medium")
        panels[-1].set_xlabel("time since the start, s")


def plot_edits(found: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Plot the speed of edits relative to each side that rewrites, by share of words edited."""
    with saved_figure(path, 7.2, 3.4) as figure:
        axes = figure.subplots()
        for side in next(iter(found.values())):
            ratios = [by_side[side] for by_side in found.values()]
            medians = [one["median"] for one in ratios]
            below = [one["median"] - one["least"] for one in ratios]
            above = [one["most"] - one["median"] for one in ratios]
            axes.errorbar(
                list(found), medians, yerr=[below, above], marker="o", capsize=3, label=side
            )
        axes.axhline(1, color="black", linewidth=0.8)
        axes.set_xlabel("words edited")
        axes.set_ylabel("versions/s of edits over those of rewrites")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.legend(title="over rewrites by")


def plot_ratios(results: Mapping[str, Any], path: Path) -> None:
    """Plot revloop's speed relative to each other side, with the range of the repeats."""
    sides = {side: found for side, found in results["sides"].items() if side != REVLOOP}
    found = [figures["revloop_over_it"] for figures in sides.values()]
    medians = [one["median"] for one in found]
    below = [one["median"] - one["least"] for one in found]
    above = [one["most"] - one["median"] for one in found]
    labels = [f"  {one['median']:.2f} ({one['least']:.2f} to {one['most']:.2f})" for one in found]
    errors = [below, above]
    with saved_figure(path, 7.2, 0.5 * len(sides) + 1.0) as figure:
        axes = figure.subplots()
        axes.barh(list(sides), medians, xerr=errors, height=0.6, capsize=3, color="tab:blue")
        for place, (label, one) in enumerate(zip(labels, found, strict=True)):
            axes.text(one["most"], place, label, verticalalignment="center", fontsize="small")
        axes.axvline(1, color="black", linewidth=0.8)
        axes.set_xlim(right=1.5 * max(one["most"] for one in found))
        axes.set_xlabel("revloop's versions/s over theirs: median (least to most)")
        axes.invert_yaxis()
