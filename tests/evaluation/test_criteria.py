"""Criteria of rubrics in an evaluation: how many records meet them, round by round."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from revloop import Draft, End, StopReason, Trajectory, Version
from revloop.evaluation import Evaluation, evaluate
from revloop.evaluation.criteria import ALL, CriterionFigures, criteria_after, criteria_of
from revloop.options import LoopOptions, RunSettings
from revloop.prompts import PromptSet
from revloop.report import aggregate, charts_of, open_source
from revloop.report.chart_types import Lines
from revloop.report.overview import notes_of, tables_of
from revloop.store import Store
from revloop.trajectory import Comparison, Criterion, Critique, EngineInfo, Verdict
from tests.helpers.command_line import revloop
from tests.helpers.judges import store_of
from tests.helpers.report_samples import source_of
from tests.helpers.stored import append, finish

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Scored = dict[str, bool]


def trajectory(
    *critiques: Mapping[str, bool] | None,
    reason: StopReason = StopReason.ROUNDS_DONE,
    unchanged: Sequence[int] = (),
    lost: Sequence[int] = (),
) -> Trajectory:
    """A trajectory with a round after each critique, which says what criteria are met.

    Args:
        critiques: What each critique finds; None: it has no criteria.
        reason: Why the rounds ended.
        unchanged: Rounds that changed nothing.
        lost: Rounds whose version lost against the kept one.
    """
    versions = [Version(round=0, text="text 0", created_at=NOW)]
    kept = 0
    for round_, scored in enumerate(critiques, start=1):
        criteria = tuple(
            Criterion(name=name, score=9 if is_met else 3, met=is_met)
            for name, is_met in (scored or {}).items()
        )
        worse = Comparison(
            incumbent=kept, challenger=round_, verdicts=(Verdict(preference="first"),) * 2
        )
        text = versions[kept].text if round_ in unchanged else f"text {round_}"
        base = None if kept == round_ - 1 else kept
        versions.append(
            Version(
                round=round_,
                text=text,
                base=base,
                critique=Critique(raw="Said.", criteria=criteria),
                comparison=worse if round_ in lost else None,
                created_at=NOW,
            )
        )
        kept = kept if round_ in lost else round_
    draft = Draft(id=f"d{id(critiques)}", prompt="Why?", response="text 0")
    end = End(reason=reason, detail="Ended.")
    return Trajectory(id="t", draft=draft, versions=tuple(versions), end=end)


def met(one: Trajectory, round_: int) -> Scored:
    return {found.name: found.met for found in criteria_after(one, round_)}


class TestOfOneTrajectory:
    def test_a_text_has_the_criteria_of_the_next_rounds_critique(self) -> None:
        one = trajectory({"tone": False}, {"tone": True})
        assert [met(one, round_) for round_ in range(4)] == [
            {"tone": False},
            {"tone": True},
            {},
            {},
        ]

    def test_a_round_that_changed_nothing_keeps_its_own(self) -> None:
        reason = StopReason.CRITERIA_MET
        one = trajectory({"tone": False}, {"tone": True}, reason=reason, unchanged=[2])
        assert [met(one, round_) for round_ in range(1, 5)] == [{"tone": True}] * 4

    def test_a_failure_keeps_nothing(self) -> None:
        one = trajectory({"tone": False}, reason=StopReason.UNPARSEABLE)
        assert [met(one, round_) for round_ in range(3)] == [{"tone": False}, {}, {}]

    def test_a_version_that_lost_does_not_count(self) -> None:
        one = trajectory({"tone": False}, {"tone": False, "facts": True}, lost=[1])
        assert met(one, 1) == {"tone": False}

    def test_a_critique_without_criteria_says_nothing(self) -> None:
        assert met(trajectory(None), 0) == {}


class TestFigures:
    def test_all_together_come_first_then_each_by_frequency(self) -> None:
        some = [
            trajectory({"tone": False, "facts": True}, {"tone": True, "facts": True}),
            trajectory({"tone": True, "facts": True}, {"tone": True, "facts": False}),
            trajectory({"tone": False}, reason=StopReason.UNPARSEABLE),
        ]
        found = [(one.name, one.round, one.records, one.met) for one in criteria_of(some, 2)]
        assert found == [
            (ALL, 0, 3, 1),
            (ALL, 1, 2, 1),
            ("tone", 0, 3, 1),
            ("tone", 1, 2, 2),
            ("facts", 0, 2, 2),
            ("facts", 1, 2, 1),
        ]

    def test_the_interval_is_wilsons(self) -> None:
        some = [trajectory({"tone": number < 8}) for number in range(10)]
        one = criteria_of(some, 1)[0]
        assert (one.share, one.records) == (0.8, 10)
        # E. B. Wilson, JASA 22, 1927, by hand
        assert (one.share_low, one.share_high) == pytest.approx((0.4902, 0.9433), abs=1e-4)

    def test_an_interval_stays_within_its_limits(self) -> None:
        (one, _) = criteria_of([trajectory({"tone": True})], 1)
        assert one.share_high == 1
        (one, _) = criteria_of([trajectory({"tone": False})], 1)
        assert one.share_low == 0

    def test_without_criteria_there_are_none(self) -> None:
        assert criteria_of([trajectory(None)], 1) == ()

    def test_of_rubrics_that_all_differ_the_most_frequent_are_shown(self) -> None:
        some = [trajectory({f"{number}": True, "tone": True}) for number in range(1_500)]
        found = criteria_of(some, 1)
        assert [one.name for one in found[:2]] == [ALL, "tone"]
        assert {one.records for one in found[:2]} == {1_500}
        assert len(found) == 21


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of two trajectories with criteria."""
    settings = RunSettings.resolve(
        LoopOptions(), PromptSet.load("rubric"), EngineInfo(kind="scripted", model="script")
    )
    some = [trajectory({"tone": False}, {"tone": True}), trajectory({"tone": True}, {"tone": True})]
    with Store.open(tmp_path / "s.sqlite") as store:
        run = store.begin_run(settings)
        for number, one in enumerate(some):
            entry = store.begin(run, f"t{number}", Draft(id=number, response="text 0"))
            for version in one.versions:
                append(entry, version)
            assert one.end is not None
            finish(entry, one.end)
    return tmp_path / "s.sqlite"


def test_an_evaluation_has_them_without_any_judge(path: Path) -> None:
    found = evaluate(path, [])
    assert found.judges == ()
    assert [(one.name, one.round, one.met) for one in found.criteria] == [
        (ALL, 0, 1),
        (ALL, 1, 2),
        ("tone", 0, 1),
        ("tone", 1, 2),
    ]


async def test_the_command_prints_them(path: Path) -> None:
    printed = await revloop("evaluate", "s.sqlite", folder=path.parent)
    assert printed.code == 0
    assert "Criteria, as the critic scored them" in printed.out
    rows = [line.split() for line in printed.out.splitlines() if line.startswith("tone")]
    assert [row[:5] for row in rows] == [
        ["tone", "0", "2", "1", "50.0%"],
        ["tone", "1", "2", "2", "100.0%"],
    ]
    as_json = json.loads((await revloop("evaluate", "s.sqlite", "--json", folder=path.parent)).out)
    assert CriterionFigures.model_validate(as_json["criteria"][0]).name == ALL


async def test_the_csv_file_has_a_line_for_each_criterion_and_round(path: Path) -> None:
    printed = await revloop("evaluate", "s.sqlite", "--csv", "f.csv", folder=path.parent)
    assert printed.code == 0, printed.err
    rows = list(csv.DictReader((path.parent / "f.csv").read_text().splitlines()))
    found = evaluate(path, []).criteria
    assert [(row["criterion"], row["round"], row["met"]) for row in rows] == [
        (one.name, str(one.round), str(one.met)) for one in found
    ]
    assert {(row["judge"], row["win_rate"]) for row in rows} == {("", "")}


async def test_a_store_without_criteria_still_needs_a_judge(tmp_path: Path) -> None:
    store_of(tmp_path / "s.sqlite", [["a", "b"]])
    printed = await revloop("evaluate", "s.sqlite", folder=tmp_path)
    assert printed.code == 3
    assert "holds no verdicts yet" in printed.err


class TestReport:
    def test_a_chart_shows_the_criteria_without_any_judge(self, path: Path) -> None:
        with open_source(path) as source:
            found = aggregate(source)
            charts = {chart.name: chart for chart in charts_of(found, source.evaluation)}
            notes = notes_of(source, found)
            tables = tables_of(source.evaluation)
        assert "win-rate" not in charts
        chart = charts["criteria"]
        assert isinstance(chart, Lines)
        assert [series.name for series in chart.series] == [ALL, "tone"]
        assert [point.y for point in chart.series[0].points] == [0.5, 1.0]
        assert "round 0 50.0%, round 1 100.0%" in chart.description
        assert "No judge has compared these versions yet" in notes
        assert "Judged by" not in notes
        assert "<caption>Criteria, as the critic scored them</caption>" in tables

    def test_of_many_criteria_six_lines_are_drawn(self) -> None:
        scored = {f"c{number}": True for number in range(9)}
        found = Evaluation(
            trajectories=1,
            failed=0,
            unfinished=0,
            judges=(),
            criteria=criteria_of([trajectory(scored)], 1),
        )
        charts = charts_of(aggregate(source_of([trajectory(scored)])), found)
        (chart,) = (chart for chart in charts if isinstance(chart, Lines))
        assert len(chart.series) == 6
        assert "The table has 4 more criteria." in chart.caption
