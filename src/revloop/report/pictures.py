"""The charts of a report as PNG and SVG files, drawn with matplotlib."""

from __future__ import annotations

import warnings
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from revloop.evaluation.libraries import library
from revloop.report.chart_types import Bars, Lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from revloop.report.chart_types import Chart

_WIDTH_IN, _HEIGHT_IN, _DPI = 6.4, 4.2, 150
_COLOURS = {
    "won": "#2f7d4f",
    "tied": "#9aa1a6",
    "lost": "#b5432f",
    "s0": "#14508c",
    "s1": "#7aa5cf",
    "s2": "#b86e14",
    "s3": "#6a4c93",
    "s4": "#2f7d4f",
    "s5": "#b5432f",
}
_SETTINGS = {
    "text.parse_math": False,  # a group's name may hold dollar signs
    "svg.hashsalt": "revloop",  # reproducible files
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def check_plots() -> None:
    """Check that charts can be drawn.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    library("matplotlib")


def picture_names(charts: Sequence[Chart]) -> list[str]:
    """The files that :func:`save_pictures` writes."""
    return [f"{chart.name}.{kind}" for chart in charts for kind in ("png", "svg")]


def save_pictures(charts: Sequence[Chart], folder: Path) -> None:
    """Draw each chart as PNG and as SVG into an existing folder.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    matplotlib = library("matplotlib")
    with warnings.catch_warnings(), matplotlib.rc_context(_SETTINGS):
        # the PNG shows a box for a letter that the font lacks; the SVG has the letter
        warnings.filterwarnings("ignore", message="Glyph ")
        for chart in charts:
            figure = _drawn(chart)
            figure.savefig(folder / f"{chart.name}.png", dpi=_DPI)
            figure.savefig(folder / f"{chart.name}.svg", metadata={"Date": None})


def _drawn(chart: Chart) -> Any:
    # not pyplot, which keeps its figures in a global list
    figure = library("matplotlib.figure").Figure((_WIDTH_IN, _HEIGHT_IN), layout="constrained")
    axes = figure.subplots()
    axes.set_title(chart.title)
    axes.set_xlabel(chart.x_label)
    if isinstance(chart, Lines):
        _draw_lines(chart, axes)
    elif isinstance(chart, Bars):
        _draw_bars(chart, axes)
    return figure


def _draw_lines(chart: Lines, axes: Any) -> None:
    ticker = library("matplotlib.ticker")
    axes.set_ylabel(chart.y_label)
    for number, series in enumerate(chart.series):
        known = [point for point in series.points if point.y is not None]
        xs, ys = [point.x for point in known], [point.y for point in known]
        look: dict[str, Any] = {"color": _COLOURS[f"s{number % 6}"], "marker": "o"}
        if series.is_reference:
            look = {"color": "grey", "marker": "o", "markersize": 4, "linestyle": "--"}
        axes.plot(xs, ys, label=series.name, **look)
        for x, y, low, high, label in known:
            if low is not None and high is not None and y is not None:
                bar = [[max(0.0, y - low)], [max(0.0, high - y)]]
                axes.errorbar([x], [y], yerr=bar, color=look["color"], capsize=4)
            if label:
                axes.annotate(label, (x, y), xytext=(5, 5), textcoords="offset points")
    if chart.is_share:
        axes.axhline(0.5, color="grey", linewidth=0.8, linestyle=":")
        axes.yaxis.set_major_formatter(ticker.PercentFormatter(1.0, decimals=0))
    if chart.integer_x:
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    if len(chart.series) > 1:
        axes.legend()


def _draw_bars(chart: Bars, axes: Any) -> None:
    places = range(len(chart.labels))
    is_stacked = len(chart.segments) > 1
    by_bar = zip(*(segment.values for segment in chart.segments), strict=True)
    starts = zip(*(accumulate(values, initial=0.0) for values in by_bar), strict=True)
    for segment, lefts in zip(chart.segments, starts, strict=False):
        colour = _COLOURS[segment.kind]
        bars = axes.barh(places, segment.values, left=lefts, color=colour, label=segment.name)
        axes.bar_label(
            bars,
            [f"{value:,.{chart.digits}f}" if value else "" for value in segment.values],
            label_type="center" if is_stacked else "edge",
            padding=0 if is_stacked else 3,
            color="white" if is_stacked else "black",
            fontsize=8,
        )
    axes.set_yticks(places, chart.labels)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    if is_stacked:
        axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
