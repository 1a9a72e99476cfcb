"""The input of a report, and its notes on missing data."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from revloop import InputError, StopReason, StoreError
from revloop.evaluation import Question, Verdicts
from revloop.report import aggregate, charts_of, open_source
from revloop.report.overview import notes_of, tables_of, tiles_of
from revloop.trajectory import Verdict
from tests.helpers.edited_samples import edited_store
from tests.helpers.judges import info, store_of
from tests.helpers.report_samples import HOSTILE, judged_store, source_of, trajectory

if TYPE_CHECKING:
    from pathlib import Path

    from revloop.trajectory import Preference


def notes(path: Path) -> str:
    """The notes of a store's page."""
    with open_source(path) as source:
        return notes_of(source, aggregate(source))


def add(path: Path, question: Question, preference: Preference, judge: str = "rule") -> None:
    """Store a verdict."""
    with Verdicts.open(path) as verdicts:
        verdicts.add(info(judge), [(question, Verdict(preference=preference))])


def test_the_store_can_be_read_repeatedly(tmp_path: Path) -> None:
    with open_source(judged_store(tmp_path / "s.sqlite")) as source:
        first, second = list(source.trajectories()), list(source.trajectories())
    assert first == second
    assert len(first) == 12
    assert source.name == "s.sqlite"
    assert [judge.name for judge in source.judges] == ["rule"]


def test_a_store_without_verdicts_says_what_to_do(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", [["a", "b"]])
    with open_source(path) as source:
        assert source.evaluation is None
    assert "revloop evaluate s.sqlite --judge JUDGE" in notes(path)


def test_without_the_statistics_libraries_the_page_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = judged_store(tmp_path / "s.sqlite")
    for name in ("numpy", "scipy.stats"):
        monkeypatch.setitem(sys.modules, name, None)
    assert "pip install &#x27;revloop[evaluate]&#x27;" in notes(path)


def test_missing_and_unreadable_verdicts_are_noted(tmp_path: Path) -> None:
    path = store_of(
        tmp_path / "s.sqlite",
        [["a", "b"], ["c", "d"], ["e"]],
        reasons=[
            StopReason.ROUNDS_DONE,
            StopReason.ROUNDS_DONE,
            StopReason.ENGINE_FAILED,
        ],
    )
    asked = Question("Why?", "a", "b")
    add(path, asked, "unparseable")
    add(path, asked.swapped, "second")
    told = notes(path)
    assert "1 of 3 records lack this round and are not counted" in told
    assert "1 of 2 records are not judged yet, so no figures" in told
    assert "1 of 2 verdicts could not be read and are not counted" in told


def test_unknown_figures_are_not_shown_as_numbers(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", [["a", "b"], ["c", "d"]])
    add(path, Question("Why?", "a", "b"), "second")
    with open_source(path) as source:
        tiles = tiles_of(source, aggregate(source))
        charts = {chart.name for chart in charts_of(aggregate(source), source.evaluation)}
    assert re.findall("<dd>(.*?)</dd>", tiles)[:2] == ["-", "-"]
    assert "win-rate" not in charts  # there is nothing to draw


def test_each_judge_has_its_own_charts_and_tables(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", [["a", "b"]])
    for judge in ("one", "two"):
        for question in (Question("Why?", "a", "b"), Question("Why?", "b", "a")):
            add(path, question, "first", judge)
    with open_source(path) as source:
        charts = {chart.name: chart for chart in charts_of(aggregate(source), source.evaluation)}
        assert tables_of(source.evaluation).count("<caption>") == 2
    assert charts["win-rate-1"].title == "Win rate by round, by one"
    assert charts["win-rate-2"].title == "Win rate by round, by two"


def test_the_first_judge_decides_who_was_harmed(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", [["a", "b"]])
    question = Question("Why?", "a", "b")
    add(path, question, "first", "kind")
    for asked, preference in ((question, "first"), (question.swapped, "second")):
        add(path, asked, preference, "strict")  # type: ignore[arg-type] # a literal in a tuple
    with open_source(path, [info("strict"), info("kind")]) as source:
        assert aggregate(source).results == {"harmed": 1}
    with open_source(path, [info("kind")]) as source:
        assert aggregate(source).results == {"worse": 1}


def test_the_tiles_name_the_first_judge_and_their_coverage(tmp_path: Path) -> None:
    path = store_of(
        tmp_path / "s.sqlite",
        [["a", "b"], ["c"]],
        reasons=[StopReason.ROUNDS_DONE, StopReason.UNPARSEABLE],
    )
    question = Question("Why?", "a", "b")
    for asked, preference in ((question, "second"), (question.swapped, "first")):
        add(path, asked, preference, "zoe")  # type: ignore[arg-type] # a literal in a tuple
        add(path, asked, "tie", "adam")
    with open_source(path, [info("zoe"), info("adam")]) as source:
        assert "<dd>100.0%</dd>" in tiles_of(source, aggregate(source))
    with open_source(path) as source:
        tiles = tiles_of(source, aggregate(source))
    assert '<dd>100.0%</dd><dd class="of">of 1 of 2 trajectories, by zoe</dd>' in tiles
    assert '<dt>failed</dt><dd>1</dd><dd class="of">of 2 trajectories</dd>' in tiles


def test_an_unreadable_judge_has_a_note_and_no_charts(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", [["a", "b"], ["same", "same"]])
    question = Question("Why?", "a", "b")
    for asked in (question, question.swapped):
        add(path, asked, "unparseable", "mute")
    add(path, question, "second", "rule")
    add(path, question.swapped, "first", "rule")
    with open_source(path) as source:
        assert source.evaluation is not None
        assert [of_judge.judge.name for of_judge in source.evaluation.judges] == ["mute", "rule"]
        charts = [chart.name for chart in charts_of(aggregate(source), source.evaluation)]
        assert charts[:4] == ["win-rate", "won-tied-lost", "length", "stop-reasons"]
        assert tables_of(source.evaluation).count("<caption>") == 1
        assert aggregate(source).results == {"better": 1, "same": 1}
    (line,) = re.findall(r'<p class="note">([^<]*mute[^<]*could be read[^<]*)</p>', notes(path))
    assert line.startswith("None of the 2 verdicts of mute could be read")


def test_early_stops_count_up_to_the_last_requested_round(tmp_path: Path) -> None:
    with open_source(judged_store(tmp_path / "s.sqlite"), rounds=4) as source:
        assert source.evaluation is not None
        rounds = source.evaluation.judges[0].rounds
    assert [(row.round, row.records) for row in rounds] == [(1, 12), (2, 12), (3, 4), (4, 4)]


def test_a_missing_store_or_field_is_an_error(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", [["a", "b"]])
    with pytest.raises(InputError, match="has a field 'kind'"), open_source(path, by="kind"):
        pass
    with pytest.raises(StoreError, match=r"missing\.sqlite"), open_source("missing.sqlite"):
        pass


@pytest.mark.parametrize("text", HOSTILE)
def test_names_in_notes_and_tables_are_escaped(tmp_path: Path, text: str) -> None:
    path = store_of(tmp_path / "s.sqlite", [["a", "b"], ["c", "d"]], fields=[{text: text}, {}])
    add(path, Question("Why?", "a", "b"), "tie", text)
    with open_source(path, by=text) as source:
        shown = tables_of(source.evaluation) + notes_of(source, aggregate(source))
    tags = set(re.findall(r"<(\w+)", shown))
    assert tags <= {
        "details",
        "summary",
        "p",
        "div",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }


def test_a_source_needs_no_store() -> None:
    source = source_of([trajectory("a", "b")])
    assert "trajectories</dt><dd>1</dd>" in tiles_of(source, aggregate(source))
    assert not notes_of(source, aggregate(source))


def test_the_tiles_count_edits_only_where_there_are_any(tmp_path: Path) -> None:
    source = source_of(edited_store(tmp_path / "s.sqlite"))
    tiles = tiles_of(source, aggregate(source))
    left_out = "of 10; left out: 1 not found, 1 overlapping, 1 ambiguous"
    assert f'<dt>edits applied</dt><dd>7</dd><dd class="of">{left_out}</dd>' in tiles
    assert '<dt>rewrites</dt><dd>1</dd><dd class="of">versions whose edits could not' in tiles
    source = source_of([trajectory("a", "b")])
    tiles = tiles_of(source, aggregate(source))
    assert "edits" not in tiles
    assert "rewrites" not in tiles
