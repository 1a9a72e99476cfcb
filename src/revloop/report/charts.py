"""What a chart says, before it is drawn: on the page as SVG, or with matplotlib as a picture."""

from __future__ import annotations

from typing import NamedTuple


class Point(NamedTuple):
    """A point of a line.

    Attributes:
        x: Where it stands.
        y: How high; None leaves a gap.
        low: Lower end of its interval; None where there is none.
        high: Upper end of its interval.
        label: What is written beside it; empty for nothing.
    """

    x: float
    y: float | None
    low: float | None = None
    high: float | None = None
    label: str = ""


class Series(NamedTuple):
    """A line: its name, its points, and whether it is there for comparison only (dashed)."""

    name: str
    points: tuple[Point, ...]
    is_reference: bool = False


class Lines(NamedTuple):
    """Lines over an axis of numbers.

    Attributes:
        name: For files: lower case, with hyphens.
        title: For people.
        description: What it shows, in a sentence, for those who do not see it.
        x_label: What the x axis counts.
        y_label: What the y axis counts.
        series: The lines.
        is_share: Whether y is a share, shown in per cent, with a line at one half.
        whole_x: Whether x counts something whole, such as rounds.
        caption: What stands below it, for those who see it.
    """

    name: str
    title: str
    description: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    is_share: bool = False
    whole_x: bool = True
    caption: str = ""


class Segment(NamedTuple):
    """One stretch of every bar: its name, its kind (a colour), a value for each bar."""

    name: str
    kind: str
    values: tuple[float, ...]


class Bars(NamedTuple):
    """Bars, one above the other, each made of segments side by side.

    Attributes:
        name: For files: lower case, with hyphens.
        title: For people.
        description: What it shows, in a sentence, for those who do not see it.
        x_label: What the length of a bar counts.
        labels: The bars' names.
        segments: What they are made of.
        digits: Decimals of the numbers that are written.
        caption: What stands below it, for those who see it.
    """

    name: str
    title: str
    description: str
    x_label: str
    labels: tuple[str, ...]
    segments: tuple[Segment, ...]
    digits: int = 0
    caption: str = ""


Chart = Lines | Bars


def ticks(low: float, high: float, *, count: int = 5) -> list[float]:
    """Round numbers from ``low`` to ``high``, about so many, to mark an axis with."""
    if high <= low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** (len(f"{int(rough)}") - 1) if rough >= 1 else _below_one(rough)
    step = next(power * nice for nice in (1, 2, 5, 10, 20) if power * nice >= rough * 0.999)
    first = -(-low // step)
    marks: list[float] = []
    while (first + len(marks)) * step <= high + step / 1000:
        marks.append(round((first + len(marks)) * step, 10))
    return marks


def _below_one(rough: float) -> float:
    power = 1.0
    while power > rough:
        power /= 10
    return power
