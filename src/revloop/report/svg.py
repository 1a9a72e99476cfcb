"""Charts as SVG in the page; its style sets the colours, for light and dark mode."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from revloop.report.chart_types import Bars, Lines, ticks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from revloop.report.chart_types import Chart, Point, Segment, Series

_WIDTH, _HEIGHT = 460, 290
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 18, 22, 44
_BAR, _GAP = 24, 12
_LETTER = 7.2
_MAX_LABEL = 24


def draw(chart: Chart) -> str:
    """A chart as an ``svg`` element with a title and a description."""
    height, inside = 0.0, ""
    if isinstance(chart, Lines):
        height, inside = _HEIGHT, _lines(chart)
    elif isinstance(chart, Bars):
        height, inside = _bars(chart)
    name = escape(chart.name)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:g}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(chart.title)}</title>'
        f'<desc id="{name}-desc">{escape(chart.description)}</desc>{inside}</svg>'
    )


def legend(chart: Chart) -> str:
    """The colours of a chart as a list; empty if there is only one."""
    names: list[tuple[str, str]] = []
    if isinstance(chart, Lines):
        names = [(_kind_of(chart.series, n), s.name) for n, s in enumerate(chart.series)]
    elif isinstance(chart, Bars):
        names = [(segment.kind, segment.name) for segment in chart.segments]
    if len(names) < 2:
        return ""
    items = (f'<li><i class="{kind}"></i>{escape(name)}</li>' for kind, name in names)
    return f'<ul class="legend">{"".join(items)}</ul>'


class _Scale:
    """Maps the values of an axis to coordinates."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high = low, (high if high > low else low + 1)
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self._start + share * (self._end - self._start), 1)


def _text(x: float, y: float, words: str, *, anchor: str = "middle", kind: str = "") -> str:
    shown = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{shown}>{escape(words)}</text>'


def _lines(chart: Lines) -> str:
    points = [point for series in chart.series for point in series.points if point.y is not None]
    x, y = _scales(chart, points)
    parts = [*_axes(chart, x, y)]
    for number, series in enumerate(chart.series):
        parts += _one_line(series, _kind_of(chart.series, number), x, y, chart)
    return "".join(parts)


def _scales(chart: Lines, points: Sequence[Point]) -> tuple[_Scale, _Scale]:
    xs = [point.x for point in points] or [0.0]
    ys = [end for p in points for end in (p.y, p.low, p.high) if end is not None] or [0.0]
    low, high = (min(*ys, 0.4), max(*ys, 0.7)) if chart.is_share else (0.0, max(ys))
    low, high = (max(0.0, low - 0.05), min(1.0, high + 0.05)) if chart.is_share else (low, high)
    room = 0.25 if chart.integer_x else 0.15 * ((max(xs) - min(xs)) or 0.2)
    x = _Scale(min(xs) - room, max(xs) + room, _LEFT, _WIDTH - _RIGHT)
    return x, _Scale(low, high, _HEIGHT - _BOTTOM, _TOP)


def _axes(chart: Lines, x: _Scale, y: _Scale) -> Iterator[str]:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    for value in ticks(y.low, y.high, count=8 if chart.is_share else 5):
        kind = "half" if chart.is_share and value == 0.5 else "grid"
        yield f'<path class="{kind}" d="M{_LEFT} {y(value):g}H{right}"/>'
        shown = f"{value:.0%}" if chart.is_share else f"{value:g}"
        yield _text(_LEFT - 7, y(value) + 4, shown, anchor="end")
    marks = ticks(x.low, x.high)
    for value in [m for m in marks if not chart.integer_x or m == int(m)]:
        yield _text(x(value), bottom + 18, f"{value:g}")
    yield _text((_LEFT + right) / 2, _HEIGHT - 6, chart.x_label)


def _one_line(series: Series, kind: str, x: _Scale, y: _Scale, chart: Lines) -> Iterator[str]:
    known = [(x(p.x), y(p.y), p) for p in series.points if p.y is not None]
    path = "".join(f"{'L' if n else 'M'}{px:g} {py:g}" for n, (px, py, _) in enumerate(known))
    yield f'<g class="{kind}"><path class="line" d="{path or "M0 0"}"/>'
    for px, py, point in known:
        if point.low is not None and point.high is not None:
            low, high = y(point.low), y(point.high)
            yield f'<path class="interval" d="M{px:g} {low:g}V{high:g}'
            yield f'M{px - 5:g} {low:g}h10M{px - 5:g} {high:g}h10"/>'
        tooltip = escape(_tooltip(point, series, chart))
        yield f'<circle cx="{px:g}" cy="{py:g}" r="4"><title>{tooltip}</title></circle>'
        if point.label:
            yield _text(px + 8, py - 8, point.label, anchor="start")
    yield "</g>"


def _tooltip(point: Point, series: Series, chart: Lines) -> str:
    value = point.y or 0.0
    shown = f"{value:.1%}" if chart.is_share else f"{value:.4g}"
    if point.low is not None and point.high is not None:
        shown += f" ({point.low:.1%} to {point.high:.1%})"
    return f"{series.name}, {chart.x_label} {point.x:.4g}: {shown}"


def _kind_of(series: Sequence[Series], number: int) -> str:
    return "reference" if series[number].is_reference else f"s{number % 6}"


def _bars(chart: Bars) -> tuple[float, str]:
    labels = [_shortened(label) for label in chart.labels]
    left = 14 + _LETTER * max((len(label) for label in labels), default=0)
    most = max((sum(values) for values in _by_bar(chart.segments)), default=0)
    x = _Scale(0, most, left, _WIDTH - 60)
    parts = []
    for number, (label, values) in enumerate(zip(labels, _by_bar(chart.segments), strict=True)):
        top = _TOP + number * (_BAR + _GAP)
        parts.append(_text(left - 8, top + _BAR / 2 + 4, label, anchor="end"))
        parts += _one_bar(chart, values, x, top)
    height = _TOP + len(labels) * (_BAR + _GAP) + 26
    parts.append(_text((left + _WIDTH - 60) / 2, height - 8, chart.x_label))
    return height, "".join(parts)


def _one_bar(chart: Bars, values: Sequence[float], x: _Scale, top: float) -> Iterator[str]:
    reached = 0.0
    for segment, value in zip(chart.segments, values, strict=True):
        start, end = x(reached), x(reached + value)
        reached += value
        if not value:
            continue
        shown = f"{value:,.{chart.digits}f}"
        yield f'<rect class="{segment.kind}" x="{start:g}" y="{top:g}" width="{end - start:.1f}" '
        yield f'height="{_BAR}"><title>{escape(segment.name)}: {shown}</title></rect>'
        if len(chart.segments) > 1 and end - start > _LETTER * len(shown) + 6:
            yield _text((start + end) / 2, top + _BAR / 2 + 4, shown, kind="inside")
    if len(chart.segments) == 1 or reached != values[0]:
        yield _text(
            x(reached) + 6, top + _BAR / 2 + 4, f"{reached:,.{chart.digits}f}", anchor="start"
        )


def _by_bar(segments: Sequence[Segment]) -> list[tuple[float, ...]]:
    return list(zip(*(segment.values for segment in segments), strict=True))


def _shortened(label: str) -> str:
    return label if len(label) <= _MAX_LABEL else label[: _MAX_LABEL - 1] + "…"
