"""The page: template, style, script and data in one file."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from html import escape
from itertools import count, islice
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, TextIO

from revloop._version import __version__
from revloop.report.aggregates import RESULTS
from revloop.report.charts import as_words, charts_of
from revloop.report.details import details_of
from revloop.report.overview import notes_of, tables_of, tiles_of
from revloop.report.svg import draw, legend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from revloop.report.aggregates import Aggregates
    from revloop.report.chart_types import Chart
    from revloop.report.source import ReportSource

SLICE = 100
"""Trajectories parsed at once, when one of them is opened."""

_FOLDER = Path(__file__).parent
_SLICES = "$slices"
_UNSAFE = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


def write_page(file: TextIO, source: ReportSource, aggregates: Aggregates) -> None:
    """Write a report as one page that needs no network and no other file.

    Args:
        file: The output.
        source: The input; its trajectories are read one at a time.
        aggregates: The counts over all trajectories.
    """
    style, script = _part("page.css"), _part("page.js")
    values = {
        "policy": policy(style, script),
        "title": escape(f"{source.name}: revloop report"),
        "name": escape(source.name),
        "style": style,
        "script": script,
        "tiles": tiles_of(source, aggregates),
        "notes": notes_of(source, aggregates),
        "charts": "".join(_figure(chart) for chart in charts_of(aggregates, source.evaluation)),
        "tables": tables_of(source.evaluation),
        "index": json_for_html(_index(aggregates)),
        "version": __version__,
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    }
    before, _, after = _part("page.html").partition(_SLICES)
    file.write(Template(before).substitute(values))
    file.writelines(_slices(source))
    file.write(Template(after).substitute(values))


def json_for_html(value: object) -> str:
    """JSON for a ``script`` element, without letters that HTML interprets.

    They are written as JSON escapes, so the value stays the same
    (https://html.spec.whatwg.org/multipage/scripting.html, "Restrictions for contents of script
    elements").
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.translate(_UNSAFE)


def policy(style: str, script: str) -> str:
    """A content security policy that allows only this style and this script."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _part(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _figure(chart: Chart) -> str:
    caption = f"<figcaption>{escape(chart.caption)}</figcaption>" if chart.caption else ""
    return (
        f'<figure class="chart"><h3>{escape(chart.title)}</h3>{legend(chart)}{draw(chart)}'
        f"{caption}</figure>"
    )


def _index(aggregates: Aggregates) -> dict[str, object]:
    return {
        "slice": SLICE,
        "results": RESULTS,
        "reasons": {reason: as_words(reason) for reason in aggregates.stop_reasons},
        "fields": list(aggregates.fields),
        "rows": aggregates.rows,
    }


def _slices(source: ReportSource) -> Iterator[str]:
    trajectories = iter(source.trajectories())
    for number in count():
        some = [details_of(trajectory, source) for trajectory in islice(trajectories, SLICE)]
        if not some:
            return
        data = json_for_html(some)
        yield f'<script type="application/json" id="slice-{number}">{data}</script>\n'
