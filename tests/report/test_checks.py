"""Checks on the page: their chart, headline, tables and notes."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import pytest

from revloop.report import ReportSource, aggregate, charts_of, open_source
from revloop.report.chart_types import Lines
from tests.helpers.checked_samples import checked, checked_store
from tests.helpers.report_samples import HOSTILE, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def source(tmp_path: Path) -> Iterator[ReportSource]:
    """A store with checks and without a judge."""
    checked_store(tmp_path / "s.sqlite")
    with open_source(tmp_path / "s.sqlite") as opened:
        yield opened


def test_the_share_that_passes_is_a_chart_with_intervals(source: ReportSource) -> None:
    (chart,) = [
        one for one in charts_of(aggregate(source), source.evaluation) if one.name == "checks"
    ]
    assert isinstance(chart, Lines)
    assert [series.name for series in chart.series] == [
        "all checks",
        "short",
        "polite",
        "reachable",
    ]
    short = chart.series[1].points
    assert [(point.x, point.y) for point in short] == [(0, 0.0), (1, 0.75), (2, 1.0)]
    assert short[1].low == pytest.approx(0.3006, abs=1e-4)


def test_the_page_has_a_headline_tables_and_what_is_left_out(
    source: ReportSource, tmp_path: Path
) -> None:
    page = write(tmp_path / "page.html", source).read_text(encoding="utf-8")
    assert "<dt>pass all checks after round 2</dt><dd>100.0%</dd>" in page
    assert '<dd class="of">before: 0.0%; texts: 3</dd>' in page
    assert "<caption>check polite</caption>" in page
    left_out = "reachable, round 2: 1 of 4 records are not counted: the check could not be run."
    assert f'<p class="note">{left_out}</p>' in page
    assert "No judge has compared these versions yet" in page


def test_the_name_of_a_check_is_escaped(tmp_path: Path) -> None:
    def passes(_draft: object, _text: str) -> bool:
        return True

    passes.__name__ = HOSTILE[0]
    checked("a", "b", checks=[passes], store=tmp_path / "s.sqlite")
    with open_source(tmp_path / "s.sqlite") as opened:
        page = write(tmp_path / "page.html", opened).read_text(encoding="utf-8")
    assert HOSTILE[0] not in page
    assert f"<caption>check {escape(HOSTILE[0])}</caption>" in page
