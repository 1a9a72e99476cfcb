"""The page as a file: complete, self-contained, and safe against hostile texts."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revloop.report import ReportSource, aggregate, write_page
from revloop.report.page import SLICE, json_for_html, policy
from tests.helpers.report_samples import HOSTILE, judged_page, source_of, trajectory

if TYPE_CHECKING:
    from pathlib import Path


class Reader(HTMLParser):
    """Parses a page: elements with attributes, and the text of each script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self._script = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._script = (dict(attrs).get("id") or "code") if tag == "script" else ""

    def handle_data(self, data: str) -> None:
        if self._script:
            self.scripts[self._script] = self.scripts.get(self._script, "") + data

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - named by the library
        self._script = ""

    def data(self, name: str) -> Any:
        return json.loads(self.scripts[name])


def page_of(source: ReportSource) -> str:
    """The page of a source."""
    file = io.StringIO()
    write_page(file, source, aggregate(source))
    return file.getvalue()


@pytest.fixture
def hostile() -> str:
    """A page with hostile names and texts."""
    some = [
        trajectory(text, f"{text} 2", id_=text, prompt=text, extra={text: text}) for text in HOSTILE
    ]
    return page_of(source_of(some)._replace(name=HOSTILE[0], note=HOSTILE[1]))


def test_the_page_loads_nothing_external(tmp_path: Path) -> None:
    read = Reader(judged_page(tmp_path))
    tags = {tag for tag, _ in read.elements}
    assert not tags & {"link", "img", "iframe", "object", "embed", "base", "video", "audio"}
    attributes = [name for _, given_ in read.elements for name in given_]
    assert not {"src", "srcset", "action", "style", "xlink:href"} & set(attributes)
    assert not [name for name in attributes if name.startswith("on")]
    links = [own["href"] for tag, own in read.elements if tag == "a"]
    assert links == ["#list"]


def test_the_policy_allows_only_the_pages_own_style_and_script(tmp_path: Path) -> None:
    read = Reader(judged_page(tmp_path))
    (said,) = [
        own["content"]
        for _, own in read.elements
        if own.get("http-equiv") == "Content-Security-Policy"
    ]
    assert said is not None
    assert said.startswith("default-src 'none'; ")
    assert "unsafe" not in said
    assert "http" not in said
    assert policy("", read.scripts["code"]).partition("script-src ")[2] in said


def test_hostile_texts_do_not_change_the_page(hostile: str) -> None:
    harmless = page_of(source_of([trajectory("one", "two", a="b") for _ in HOSTILE]))
    tags = [tag for tag, _ in Reader(hostile).elements]
    assert sorted(set(tags)) == sorted({tag for tag, _ in Reader(harmless).elements})
    assert tags.count("script") == 3  # the index, one slice, the code


def test_hostile_texts_are_preserved(hostile: str) -> None:
    read = Reader(hostile)
    assert [row["id"] for row in read.data("index")["rows"]] == list(HOSTILE)
    assert [one["versions"][0]["text"] for one in read.data("slice-0")] == list(HOSTILE)
    assert read.data("index")["fields"] == list(HOSTILE)


@given(st.text() | st.dictionaries(st.text(), st.lists(st.text())))
def test_json_in_the_page_means_the_same_and_holds_no_markup(value: object) -> None:
    text = json_for_html(value)
    assert json.loads(text) == value
    assert not re.search("[<>&\u2028\u2029]", text)


def test_trajectories_are_sliced_in_order() -> None:
    read = Reader(
        page_of(source_of([trajectory("a", "b", id_=str(n)) for n in range(2 * SLICE + 1)]))
    )
    sizes = [len(read.data(f"slice-{n}")) for n in range(3)]
    assert sizes == [SLICE, SLICE, 1]
    assert read.data("slice-2")[0]["id"] == read.data("index")["rows"][-1]["id"] == str(2 * SLICE)


def test_without_verdicts_it_says_so_and_how_to_get_them(tmp_path: Path) -> None:
    page = page_of(source_of([trajectory("a", "b")])._replace(note="Use revloop evaluate."))
    assert "Use revloop evaluate." in page
    assert "Win rate by round" not in page
    assert "Stop reasons" in page


def test_with_verdicts_harm_comes_first(tmp_path: Path) -> None:
    page = judged_page(tmp_path)
    first = re.search(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page)
    assert first is not None
    assert first.groups() == ("harmed after round 2", "33.3%")


def test_the_papers_curve_is_explained(tmp_path: Path) -> None:
    page = judged_page(tmp_path)
    assert "56.6, 61.9, 62.2, 65.3 and 65.9%" in page
    assert "open questions, judged by people or models" in page


def test_every_chart_has_a_title_and_a_description(tmp_path: Path) -> None:
    page = judged_page(tmp_path, by="kind")
    charts = re.findall(r"<svg .*?</svg>", page, re.DOTALL)
    assert len(charts) == 7
    for chart in charts:
        names = re.search(r'role="img" aria-labelledby="(\S+) (\S+)"', chart)
        assert names is not None
        assert f'<title id="{names[1]}">' in chart
        assert f'<desc id="{names[2]}">' in chart


def test_no_two_elements_have_the_same_id(tmp_path: Path) -> None:
    ids = [own["id"] for _, own in Reader(judged_page(tmp_path, by="kind")).elements if "id" in own]
    assert len(ids) == len(set(ids))


def test_the_figures_are_also_in_a_table(tmp_path: Path) -> None:
    page = judged_page(tmp_path, by="kind")
    assert page.count("<caption>") == 3
    assert "rule, against the original response, kind = mail" in page
    assert "<td>33.3%</td>" in page
