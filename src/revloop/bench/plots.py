"""Pictures of benchmark results, as PNG or SVG by the file's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revloop.errors import InputError, MissingExtraError
from revloop.files.atomic import whole_file, writable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from revloop.bench.results import BenchResult, Spread

    Timeline = Sequence[tuple[float, int, int]]

COLOURS = {"revloop": "#1f5fa8", "oracle": "#8a8a8a"}
_OTHERS = ("#c8622d", "#3a8f5c", "#7a4fa3", "#b8962b")
_KINDS = {".png", ".svg"}


def plot_throughput(result: BenchResult, path: Path) -> None:
    """Tokens a second of each side, and the requests in the engine over time.

    Raises:
        InputError: The file's name ends in neither .png nor .svg, or it cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    rates = {name: side.figures["generated_tokens_per_s"] for name, side in result.sides.items()}
    timelines = {name: side.occupancy for name, side in result.sides.items() if side.occupancy}
    title = ", ".join(
        f"{result.settings[name]} {name}" for name in ("drafts", "iterations") if result.settings
    )
    plot_rates_and_timelines(
        rates, timelines, path, unit="generated tokens a second", title=f"Throughput: {title}"
    )


def plot_rates_and_timelines(
    rates: Mapping[str, Spread],
    timelines: Mapping[str, Timeline],
    path: Path,
    *,
    unit: str,
    title: str,
) -> None:
    """Bars of rates (the line on each: from the least to the most) beside timelines.

    Args:
        rates: By the name of the side.
        timelines: Seconds, requests running and waiting; by the name of the side.
        path: Where the picture goes.
        unit: Of the rates.
        title: Stands above both.

    Raises:
        InputError: The file's name ends in neither .png nor .svg, or it cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    figure_class = _figure_class(path)
    figure = figure_class(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.6))
    colours = colours_of([*rates, *timelines])
    for place, (name, spread) in enumerate(rates.items()):
        error = [[spread.median - spread.least], [spread.most - spread.median]]
        left.bar(place, spread.median, color=colours[name], width=0.6)
        left.errorbar(place, spread.median, yerr=error, color="black", capsize=4)
        left.annotate(
            f"{spread.median:,.0f}", (place, spread.most), ha="center", va="bottom", fontsize=9
        )
    left.set_xticks(range(len(rates)), list(rates), rotation=20 if len(rates) > 3 else 0)
    left.set_ylabel(unit)
    for name, moments in timelines.items():
        times, running = [at_s for at_s, _, _ in moments], [number for _, number, _ in moments]
        right.plot(times, running, color=colours[name], label=name, linewidth=1.2)
    right.set_xlabel("seconds")
    right.set_ylabel("requests that the engine runs")
    right.set_ylim(bottom=0)
    if timelines:
        right.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(y=0.15)
    figure.suptitle(title, fontsize=11)
    _save(figure, path)


def plot_sweep(
    points: Mapping[float | str, Mapping[str, Spread]],
    path: Path,
    *,
    over: str,
    unit: str,
    title: str,
) -> None:
    """One line a side over what was varied; the bars reach from the least to the most.

    Args:
        points: For each value of what was varied, the figure of each side.
        path: Where the picture goes.
        over: What was varied, with its unit.
        unit: Of the figure.
        title: Stands above it.

    Raises:
        InputError: The file's name ends in neither .png nor .svg, or it cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    figure_class = _figure_class(path)
    figure = figure_class(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    names = list(dict.fromkeys(name for sides in points.values() for name in sides))
    colours = colours_of(names)
    for name in names:
        places = [place for place, sides in enumerate(points.values()) if name in sides]
        spreads = [sides[name] for sides in points.values() if name in sides]
        error = [
            [spread.median - spread.least for spread in spreads],
            [spread.most - spread.median for spread in spreads],
        ]
        medians = [spread.median for spread in spreads]
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


def colours_of(names: Sequence[str]) -> dict[str, str]:
    """A colour for each side, the same in every picture for those that every picture has."""
    others = iter(_OTHERS * len(names))
    return {name: COLOURS.get(name) or next(others) for name in dict.fromkeys(names)}


def check_picture(path: Path) -> None:
    """Check that a picture can be drawn under a name.

    Raises:
        InputError: The name's ending is no picture's that is known.
        MissingExtraError: matplotlib is not installed.
    """
    _figure_class(path)


def _figure_class(path: Path) -> type:
    if path.suffix.lower() not in _KINDS:
        raise InputError(f"{path} is no picture that can be drawn: name a .png or .svg file.")
    try:
        from matplotlib.figure import Figure  # heavy and optional
    except ImportError as exc:
        raise MissingExtraError("Pictures need matplotlib: pip install 'revloop[bench]'.") from exc
    drawn: type = Figure
    return drawn


def _save(figure: Any, path: Path) -> None:
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file, writable(path):
        figure.savefig(file, dpi=130, format=path.suffix[1:].lower())
