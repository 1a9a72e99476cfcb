"""Plots of GLEU over records and over rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.jfleg.results import way_of
from benchmarks.plotting import saved_figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

_MARKERS = {"rewrite": "o", "edits": "s"}


def plot(runs: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw GLEU after the last round over records, and over rounds for trained critics, seed 0."""
    with saved_figure(path, 12, 4) as figure:
        over_records, over_rounds = figure.subplots(1, 2)
        for form, marker in _MARKERS.items():
            usual = [one for one in runs if one["form"] == form and is_usual(one)]
            last = [(one["records"], one["rounds"][-1]) for one in usual]
            _points(over_records, form, marker, last)
        _lines(over_rounds, [one for one in runs if one["seed"] == 0])
        _label(over_records, "records", "GLEU after the last round")
        _label(over_rounds, "rounds", "GLEU")
        over_rounds.xaxis.get_major_locator().set_params(integer=True)
        over_rounds.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.02, 1))


def _lines(axes: Axes, runs: Sequence[dict[str, Any]]) -> None:
    """A line for each run; the legend is in the order of their ends."""
    from matplotlib import colormaps

    axes.set_prop_cycle(color=colormaps["tab20"](range(20)))
    for one in sorted(runs, key=lambda run: run["rounds"][-1]["gleu"], reverse=True):
        rows = one["rounds"][1:]
        axes.plot(
            [row["round"] for row in rows],
            [row["gleu"] for row in rows],
            marker=_MARKERS[one["form"]],
            label=f"{one['form']}, {one['records']} records, {way_of(one)}",
        )


def is_usual(run: dict[str, Any]) -> bool:
    """Whether only form, number of records and seed tell a run from others."""
    return not run["recipe"] and not run["variant"]


def _points(
    axes: Axes, form: str, marker: str, points: Sequence[tuple[int, dict[str, Any]]]
) -> None:
    if not points:
        return
    records, rows = zip(*sorted(points, key=lambda one: one[0]), strict=True)
    values = [row["gleu"] for row in rows]
    below = [row["gleu"] - row["low"] for row in rows]
    above = [row["high"] - row["gleu"] for row in rows]
    axes.errorbar(
        records, values, [below, above], marker=marker, linestyle="none", capsize=3, label=form
    )


def _label(axes: Axes, across: str, up: str) -> None:
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(visible=True, alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7)
