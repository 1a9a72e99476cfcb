"""What the report tells of panels: votes, agreement, and each judge's verdicts."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from revloop.errors import MissingExtraError
from revloop.report.aggregates import aggregate
from revloop.report.details import details_of
from revloop.report.overview import notes_of
from tests.helpers.judges import RuleJudge, by_number
from tests.helpers.panel_samples import lower, revised_before, silent
from tests.helpers.report_samples import source_of

if TYPE_CHECKING:
    import pytest

    from revloop import Trajectory


def noted(*trajectories: Trajectory) -> str:
    source = source_of(list(trajectories))
    return html.unescape(notes_of(source, aggregate(source)))


def test_votes_and_agreement_are_told() -> None:
    texts = ("7 up", "6 down", "8 up", "8 same")
    note = noted(revised_before(by_number, by_number, lower, texts=texts))
    assert (
        "The panel of judge 1, judge 2, judge 3 kept 2 of 4 new versions. All of its judges voted "
        "alike on 25.0% of them. They agree on 25.0% of 8 verdicts; Fleiss' kappa: 0.23."
    ) in note


def test_two_judges_have_cohens_kappa_and_abstentions_are_counted() -> None:
    alike = revised_before(by_number, by_number, texts=("7 up", "6 down"))
    mute = revised_before(by_number, silent)
    note = noted(alike, mute)
    assert "The panel of judge 1, judge 2 kept 1 of 3 new versions. All of its judges" in note
    assert "They agree on 100.0% of 4 verdicts; Cohen's kappa: 1.00." in note
    assert "Abstentions: judge 2 1." in note


def test_without_the_library_of_kappa_the_votes_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> None:
        raise MissingExtraError("statsmodels is missing")

    monkeypatch.setattr("revloop.evaluation.agreement.library", missing)
    note = noted(revised_before(by_number, by_number, texts=("7 up", "6 down")))
    assert "voted alike on 100.0% of them." in note
    assert "kappa" not in note


def test_a_single_judge_is_no_panel() -> None:
    assert "panel" not in noted(revised_before(judge=RuleJudge(by_number)))


def test_an_opened_trajectory_shows_each_judges_verdicts() -> None:
    one = revised_before(by_number, lower)
    told = [
        (shown["judge"], shown["order"], shown["result"])
        for shown in details_of(one, source_of([one]))["verdicts"]
    ]
    assert told == [
        ("judge 1 (--keep)", "earlier text first", "won"),
        ("judge 1 (--keep)", "later text first", "won"),
        ("judge 2 (--keep)", "earlier text first", "lost"),
        ("judge 2 (--keep)", "later text first", "lost"),
    ]
