"""The experiment in miniature: its figures and its page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.experiment.__main__ import RECORDS, STRENGTHS, conditions
from benchmarks.experiment.forms import conditions as form_conditions
from benchmarks.experiment.forms import edit_outcomes
from benchmarks.experiment.measure import ROUNDS, Condition, figures_of
from benchmarks.experiment.report import MAIN, PAPER_WIN_RATES, write_page
from revloop import Draft, Trajectory, Version
from revloop.demo import demo_drafts
from revloop.demo.critique import correct
from revloop.edits import Edit, apply

if TYPE_CHECKING:
    from pathlib import Path


def trajectory(draft: Draft, *texts: str) -> Trajectory:
    """A trajectory with these revised texts."""
    versions = tuple(
        Version(round=number, text=text, created_at=datetime.now(UTC))
        for number, text in enumerate((draft.response, *texts))
    )
    return Trajectory(id=draft.id, draft=draft, versions=versions)


@pytest.fixture(scope="module")
def corrected() -> list[Trajectory]:
    """Eight drafts that the first round corrects, and eight that it leaves unchanged."""
    drafts = demo_drafts(16, faults=(1, 3))
    return [
        trajectory(draft, correct(draft.prompt or "", draft.response) if n < 8 else draft.response)
        for n, draft in enumerate(drafts)
    ]


def results(corrected: list[Trajectory]) -> dict[str, Any]:
    """The results of an experiment in which all conditions are the same."""
    measured = {each.name: figures_of(each, corrected) for each in conditions(16)}
    return {
        "date": "2026-01-31",
        "machine": "a machine",
        "versions": {"torch": "9.9"},
        "shipped": measured,
        "by_records": {str(count): measured[MAIN] for count in RECORDS},
    }


def forms(corrected: list[Trajectory]) -> dict[str, Any]:
    """The results of two forms that do the same."""
    measured = {
        name: figures_of(condition, corrected)
        | {
            "rounds": [
                {**row, "unharmed": 1.0} for row in figures_of(condition, corrected)["rounds"]
            ]
        }
        | {"tokens_a_version": {"critique": 100.0, "revision": 20.0}, "requests": 10}
        | {"versions_per_s": 4.0, "edits": {"applied": 3, "not_found": 0}}
        for name, condition in form_conditions("cnr", 16).items()
    }
    return {"date": "2026-02-01", "forms": {"cnr": measured, "cnr-edits": measured}}


def winners(corrected: list[Trajectory]) -> dict[str, Any]:
    """The results of a critic that was trained on its rounds that won."""
    measured = figures_of(Condition("held-out drafts", 16), corrected)
    return {
        "date": "2026-03-01",
        "rounds": 9,
        "critics": {"5 rounds, that won, seed 0": measured},
    }


def test_the_win_rate_is_the_papers_and_its_interval_holds_it(corrected: list[Trajectory]) -> None:
    rounds = figures_of(Condition("any", 16), corrected)["rounds"]
    assert [row["round"] for row in rounds] == list(range(ROUNDS + 1))
    assert rounds[1]["win_rate"] == (8 + 8 / 2) / 16
    low, high = rounds[1]["interval"]
    assert 0.5 < low < 0.75 < high < 1


def test_the_interval_of_a_sure_thing_is_a_point(corrected: list[Trajectory]) -> None:
    (before, *_) = figures_of(Condition("any", 16), corrected)["rounds"]
    assert before["interval"] == (0.5, 0.5)


def test_an_interval_narrows_with_more_drafts(corrected: list[Trajectory]) -> None:
    def width(trajectories: list[Trajectory]) -> float:
        low, high = figures_of(Condition("any", 16), trajectories)["rounds"][1]["interval"]
        return float(high - low)

    assert width(corrected * 16) == pytest.approx(width(corrected) / 4, rel=0.2)


def test_the_strengths_are_the_three_that_the_page_names() -> None:
    by_faults = {each.name: each.faults for each in conditions(4) if each.faults is not None}
    assert by_faults == STRENGTHS


def test_the_page_tells_each_figure_beside_the_papers(
    tmp_path: Path, corrected: list[Trajectory]
) -> None:
    write_page(results(corrected), forms(corrected), winners(corrected), docs=tmp_path)
    page = (tmp_path / "experiment.md").read_text(encoding="utf-8")
    assert "| 1 | 8 / 8 / 0 | 75.0% (" in page
    assert f"| {PAPER_WIN_RATES[0]:.1%} |" in page
    assert "| 0 records | 16 | 75.0% |" in page
    assert "| of a version | 120.0 | 120.0 | 1.00 |" in page
    assert "| edits | 3 applied | 3 applied | |" in page
    assert "revised 9 drafts for one round" in page
    assert "| 5 rounds, that won, seed 0 | 16 | 75.0% |" in page
    assert "$" not in page


def test_the_page_shows_plots_that_are_there(tmp_path: Path, corrected: list[Trajectory]) -> None:
    write_page(results(corrected), forms(corrected), winners(corrected), docs=tmp_path)
    for name in ("rounds", "records", "strength", "ways"):
        picture = tmp_path / "experiment" / f"{name}.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert f"(experiment/{name}.png)" in (tmp_path / "experiment.md").read_text("utf-8")


def test_a_change_that_no_edit_made_is_counted() -> None:
    edits = apply("a b c", [Edit(find="b", replacement="x"), Edit(find="y", replacement="z")])
    draft, now = Draft(response="a b c"), datetime.now(UTC)

    def counted(text: str) -> dict[str, int]:
        first = Version(round=0, text=draft.response, created_at=now)
        second = Version(round=1, text=text, edits=edits.results, created_at=now)
        return edit_outcomes([Trajectory(id="1", draft=draft, versions=(first, second))])

    assert counted("a x c") == {"applied": 1, "not_found": 1, "changed elsewhere": 0}
    assert counted("a x d")["changed elsewhere"] == 1
