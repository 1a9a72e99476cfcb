"""Charts as data, drawn as SVG on the page and with matplotlib in files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple


class Point(NamedTuple):
    """A point of a line.

    Attributes:
        x: Its place on the x axis.
        y: Its place on the y axis; None leaves a gap.
        low: Lower end of its interval; None without one.
        high: Upper end of its interval.
        label: Text beside it.
    """

    x: float
    y: float | None
    low: float | None = None
    high: float | None = None
    label: str = ""


class Series(NamedTuple):
    """A line: its name, its points, and whether it is a reference (dashed)."""

    name: str
    points: tuple[Point, ...]
    is_reference: bool = False


class Segment(NamedTuple):
    """One stretch of every bar: its name, its kind (a colour), its length in each bar."""

    name: str
    kind: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What every chart has.

    Attributes:
        name: For files and ids: lower case, with hyphens.
        title: The heading.
        description: The content in a sentence, for screen readers.
        x_label: Label of the x axis.
        caption: Text below the chart.
    """

    name: str
    title: str
    description: str
    x_label: str
    caption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines(Chart):
    """A line chart.

    Attributes:
        y_label: Label of the y axis.
        series: The lines.
        is_share: Whether y is a share, shown in per cent with a mark at one half.
        integer_x: Whether x takes integers only, such as rounds.
    """

    y_label: str
    series: tuple[Series, ...]
    is_share: bool = False
    integer_x: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars(Chart):
    """Horizontal stacked bars.

    Attributes:
        labels: Names of the bars.
        segments: The parts of the bars.
        digits: Decimals of the numbers.
    """

    labels: tuple[str, ...]
    segments: tuple[Segment, ...]
    digits: int = 0


def ticks(low: float, high: float, *, count: int = 5) -> list[float]:
    """Round numbers that mark an axis from ``low`` to ``high``, about ``count`` of them."""
    if high <= low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * nice for nice in (1, 2, 5, 10, 20) if power * nice >= rough * 0.999)
    first = -(-low // step)
    marks: list[float] = []
    while (first + len(marks)) * step <= high + step / 1000:
        marks.append(round((first + len(marks)) * step, 10))
    return marks
