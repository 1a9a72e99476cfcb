"""The charts of a report: what they show, and how they are drawn."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.report import aggregate, charts_of, open_source, picture_names, save_pictures
from revloop.report.chart_types import Bars, Lines, Point, Segment, Series, ticks
from revloop.report.charts import PAPER_WIN_RATES
from revloop.report.svg import draw, legend
from tests.helpers.report_samples import HOSTILE, judged_store, source_of, trajectory

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.report.chart_types import Chart

BARS = Bars(
    name="b",
    title="Bars",
    description="Some bars.",
    x_label="things",
    labels=("one", "two"),
    segments=(Segment("x", "s0", (3.0, 0.0)),),
)
LINES = Lines(
    name="l",
    title="Lines",
    description="Some lines.",
    x_label="round",
    y_label="share",
    series=(Series("a", (Point(1, 0.5, 0.4, 0.6), Point(2, None), Point(3, 0.7, label="three"))),),
    is_share=True,
)


@pytest.fixture
def charts(tmp_path: Path) -> dict[str, Chart]:
    """The charts of a judged store, by their names."""
    with open_source(judged_store(tmp_path / "s.sqlite"), by="kind") as source:
        return {chart.name: chart for chart in charts_of(aggregate(source), source.evaluation)}


def test_a_judged_store_has_all_charts(charts: dict[str, Chart]) -> None:
    assert list(charts) == [
        "win-rate",
        "won-tied-lost",
        "length",
        "win-rate-by-group",
        "stop-reasons",
        "tokens",
        "seconds",
    ]


def test_the_win_rate_is_next_to_the_papers(charts: dict[str, Chart]) -> None:
    chart = charts["win-rate"]
    assert isinstance(chart, Lines)
    here, paper = chart.series
    assert [point.y for point in here.points] == [1.0, 0.5]
    assert here.points[0].low is None  # all say the same: no interval
    assert here.points[1].low is not None
    assert [point.y for point in paper.points] == list(PAPER_WIN_RATES)
    assert paper.is_reference


def test_verdicts_are_counted_in_both_orders(charts: dict[str, Chart]) -> None:
    chart = charts["won-tied-lost"]
    assert isinstance(chart, Bars)
    assert [segment.values for segment in chart.segments] == [(24, 8), (0, 8), (0, 8)]


def test_rounds_at_the_same_place_share_a_point(tmp_path: Path) -> None:
    with open_source(judged_store(tmp_path / "long.sqlite"), rounds=4) as source:
        known = charts_of(aggregate(source), source.evaluation)
    (chart,) = [chart for chart in known if chart.name == "length"]
    assert isinstance(chart, Lines)
    assert len(chart.series[0].points) == len({(p.x, p.y) for p in chart.series[0].points})


def test_each_group_has_a_line(charts: dict[str, Chart]) -> None:
    chart = charts["win-rate-by-group"]
    assert isinstance(chart, Lines)
    assert sorted(series.name for series in chart.series) == ["mail", "note"]


def test_without_verdicts_there_are_reasons_tokens_and_seconds() -> None:
    found = charts_of(aggregate(source_of([trajectory("a", "b")])), None)
    assert [chart.name for chart in found] == ["stop-reasons", "tokens", "seconds"]
    tokens = found[1]
    assert isinstance(tokens, Bars)
    assert [segment.values for segment in tokens.segments] == [(60.0,), (40.0,), (20.0,)]


@given(
    st.floats(-1e6, 1e6, allow_nan=False), st.floats(1e-3, 1e6, allow_nan=False), st.integers(3, 9)
)
def test_ticks_lie_inside_and_are_few(low: float, span: float, count: int) -> None:
    marks = ticks(low, low + span, count=count)
    assert len(marks) <= count + 1
    assert all(low - span / 100 <= mark <= low + span * 1.01 for mark in marks)
    assert marks == sorted(set(marks))


def test_ticks_are_round_numbers() -> None:
    assert ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert ticks(0, 97) == [0, 20, 40, 60, 80]
    assert ticks(3, 3) == [3]


@pytest.mark.parametrize("chart", [BARS, LINES], ids=["bars", "lines"])
def test_svg_is_well_formed_and_described(chart: Chart) -> None:
    root = ET.fromstring(draw(chart))
    assert root.attrib["role"] == "img"
    assert [child.text for child in root][:2] == [chart.title, chart.description]


def test_svg_has_no_colours_of_its_own() -> None:
    assert not re.search(r"(fill|stroke|style|color)=", draw(BARS) + draw(LINES))


def test_an_unmeasured_point_is_not_drawn() -> None:
    assert draw(LINES).count("<circle") == 2
    assert draw(LINES).count('class="interval"') == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_names_are_escaped(text: str) -> None:
    chart = replace(BARS, title=text, description=text, labels=(text, text), x_label=text)
    root = ET.fromstring(draw(chart))
    assert {child.tag for child in root.iter()} == {"svg", "title", "desc", "text", "rect"}
    two = replace(chart, segments=(*BARS.segments, Segment(text, "s1", (1.0, 1.0))))
    assert [item.tag for item in ET.fromstring(legend(two))] == ["li", "li"]


def test_a_legend_of_one_is_omitted() -> None:
    assert not legend(BARS)


def test_empty_lines_and_bars_of_nothing_are_drawn() -> None:
    nothing = replace(LINES, series=(Series("a", (Point(1, None),)),), is_share=False)
    ET.fromstring(draw(nothing))
    ET.fromstring(draw(replace(BARS, segments=(Segment("x", "s0", (0.0, 0.0)),))))


def test_pictures_are_png_and_svg_of_each_chart(tmp_path: Path) -> None:
    several = replace(
        LINES,
        name="several",
        series=(*LINES.series, Series("$a$ 漢", LINES.series[0].points, True)),
    )
    charts: list[Chart] = [BARS, LINES, several]
    save_pictures(charts, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(picture_names(charts))
    for name in picture_names(charts):
        start = (tmp_path / name).read_bytes()[:100]
        assert start.startswith(b"\x89PNG" if name.endswith("png") else b"<?xml")
