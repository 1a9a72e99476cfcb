"""Plots of benchmark results, as PNG or SVG by the file's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revloop.errors import InputError, needs
from revloop.files.atomic import atomic_file, translate_write_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from revloop.bench.results import BenchResult, Spread

COLOURS = {"revloop": "#1f5fa8", "oracle": "#8a8a8a"}
_OTHERS = ("#c8622d", "#3a8f5c", "#7a4fa3", "#b8962b")
_KINDS = {".png", ".svg"}


def plot_throughput(result: BenchResult, path: Path) -> None:
    """Plot each side's tokens a second (with its range), and the requests in the engine over time.

    Raises:
        InputError, MissingExtraError: As for :func:`check_plot`, or the file cannot be written.
    """
    rates = {name: side.figures["generated_tokens_per_s"] for name, side in result.sides.items()}
    timelines = {name: side.occupancy for name, side in result.sides.items() if side.occupancy}
    title = ", ".join(
        f"{result.settings[name]} {name}" for name in ("drafts", "iterations") if result.settings
    )
    figure = _figure_class(path)(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.6))
    colours = colours_of([*rates, *timelines])
    for place, (name, spread) in enumerate(rates.items()):
        left.bar(place, spread.median, color=colours[name], width=0.6)
        left.errorbar(place, spread.median, yerr=_error(spread), color="black", capsize=4)
        left.annotate(
            f"{spread.median:,.0f}", (place, spread.most), ha="center", va="bottom", fontsize=9
        )
    left.set_xticks(range(len(rates)), list(rates), rotation=20 if len(rates) > 3 else 0)
    left.set_ylabel("generated tokens a second")
    for name, moments in timelines.items():
        times, running = [at_s for at_s, _, _ in moments], [number for _, number, _ in moments]
        right.plot(times, running, color=colours[name], label=name, linewidth=1.2)
    right.set_xlabel("seconds")
    right.set_ylabel("requests running in the engine")
    right.set_ylim(bottom=0)
    if timelines:
        right.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(y=0.15)
    figure.suptitle(f"Throughput: {title}", fontsize=11)
    _save(figure, path)


def plot_sweep(
    points: Mapping[float | str, Mapping[str, Spread]],
    path: Path,
    *,
    over: str,
    unit: str,
    title: str,
) -> None:
    """Plot one line for each side, with ranges, over a varied parameter.

    Args:
        points: For each value of the parameter, the figure of each side.
        path: The file to write.
        over: The parameter, with its unit.
        unit: Of the figure.
        title: Title of the plot.

    Raises:
        InputError, MissingExtraError: As for :func:`check_plot`, or the file cannot be written.
    """
    figure = _figure_class(path)(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    names = list(dict.fromkeys(name for sides in points.values() for name in sides))
    colours = colours_of(names)
    for name in names:
        places = [place for place, sides in enumerate(points.values()) if name in sides]
        spreads = [sides[name] for sides in points.values() if name in sides]
        medians, error = [spread.median for spread in spreads], _error(*spreads)
        axes.errorbar(
            places, medians, yerr=error, color=colours[name], label=name, marker="o", capsize=3
        )
    axes.set_xticks(range(len(points)), [str(value) for value in points])
    axes.set_xlabel(over)
    axes.set_ylabel(unit)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    if len(names) > 1:
        axes.legend(frameon=False)
    figure.suptitle(title, fontsize=11)
    _save(figure, path)


def _error(*spreads: Spread) -> list[list[float]]:
    """How far the values reach below and above each median."""
    return [[s.median - s.least for s in spreads], [s.most - s.median for s in spreads]]


def colours_of(names: Sequence[str]) -> dict[str, str]:
    """A colour for each side; revloop and the oracle have the same one in every plot."""
    others = iter(_OTHERS * len(names))
    return {name: COLOURS.get(name) or next(others) for name in dict.fromkeys(names)}


def check_plot(path: Path) -> None:
    """Check that a plot can be made.

    Raises:
        InputError: The file's name ends in neither .png nor .svg.
        MissingExtraError: matplotlib is not installed.
    """
    _figure_class(path)


def _figure_class(path: Path) -> type:
    if path.suffix.lower() not in _KINDS:
        raise InputError(f"{path} cannot be drawn: use a .png or .svg file.")
    with needs("Plots need matplotlib: pip install 'revloop[bench]'."):
        from matplotlib.figure import Figure  # optional, and slow to import
    drawn: type = Figure
    return drawn


def _save(figure: Any, path: Path) -> None:
    with translate_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as file, translate_write_errors(path):
        figure.savefig(file, dpi=130, format=path.suffix[1:].lower())
