"""Figures of checks: what fails before, is fixed and broken, and what could not be run."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest

from revloop import StopReason
from revloop.evaluation import CheckFigures, count_store, evaluate
from revloop.evaluation.checks import check_outcomes, figures_of_checks
from revloop.evaluation.tables import write_figures
from revloop.trajectory import Check, End
from tests.helpers.checked_samples import checked_store
from tests.helpers.judges import store_of
from tests.helpers.report_samples import trajectory

if TYPE_CHECKING:
    from pathlib import Path

    from revloop import Trajectory


def checked(*passed: str, reason: StopReason = StopReason.ROUNDS_DONE, **more: Any) -> Trajectory:
    """A trajectory whose versions pass (+), fail (-) or cannot run (?) the checks a, b, ..."""
    one = trajectory(*(f"text {number}" for number in range(len(passed))), **more)
    results = {"+": True, "-": False, "?": None}
    versions = (
        version.model_copy(
            update={
                "checks": tuple(
                    Check(name=name, passed=results[mark])
                    for name, mark in zip("abc", marks, strict=False)
                )
            }
        )
        for version, marks in zip(one.versions, passed, strict=True)
    )
    end = End(reason=reason, detail="It ended.")
    return one.model_copy(update={"versions": tuple(versions), "end": end})


def figures(*trajectories: Trajectory, rounds: int, by: str | None = None) -> list[CheckFigures]:
    """The figures of these trajectories."""
    outcomes = check_outcomes(trajectories, rounds=rounds, by=by)
    return list(figures_of_checks(outcomes, rounds=rounds, is_split=by is not None))


def test_a_text_is_fixed_or_broken_against_its_original() -> None:
    some = [checked("-", "+", "-"), checked("+", "-", "-"), checked("-", "-", "+"), checked(*"+++")]
    first, second, third = figures(*some, rounds=2)
    assert [row.failed_before for row in (first, second, third)] == [2, 2, 2]
    assert (second.fixed, second.broken, second.passed, second.pass_rate) == (1, 1, 2, 0.5)
    assert (third.fixed, third.broken, third.passed) == (1, 1, 2)
    assert (first.round, first.fixed, first.broken, first.p) == (0, 0, 0, None)


def test_the_interval_is_wilsons() -> None:
    """8 of 10: 0.490 to 0.943, as in tables of the Wilson score interval."""
    (row, *_) = figures(*[checked("+")] * 8, *[checked("-")] * 2, rounds=0)
    assert (row.pass_rate_low, row.pass_rate_high) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_p_is_mcnemars_exact_test_with_holms_correction_over_the_rounds() -> None:
    """8 fixed and 1 broken: 2 * (1 + 9) / 2^9; in round 2, 8 fixed and none broken: 2 / 2^8."""
    some = [*[checked("-", "+", "+")] * 8, checked("+", "-", "+"), *[checked(*"+++")] * 5]
    _, first, second = figures(*some, rounds=2)
    assert first.p == pytest.approx(20 / 2**9)
    assert second.p == pytest.approx(2 * 2 / 2**8)


def test_a_check_that_could_not_be_run_on_either_text_is_left_out_and_counted() -> None:
    before, after = figures(checked(*"?+"), checked(*"-?"), checked(*"-+"), rounds=1)
    assert (before.records, before.not_run, before.failed_before) == (2, 1, 2)
    assert (after.records, after.not_run, after.fixed, after.pass_rate) == (1, 2, 1, 1.0)


def test_a_text_passes_all_checks_together_if_it_passes_each() -> None:
    rows = figures(checked("+-", "++"), checked("-?", "+?"), rounds=1)
    assert [(row.check, row.round) for row in rows] == [
        (name, round_) for name in (None, "a", "b") for round_ in (0, 1)
    ]
    before, after = rows[:2]
    assert (before.records, before.failed_before, before.passed) == (2, 2, 0)
    assert (after.records, after.not_run, after.fixed) == (1, 1, 1)


def test_a_trajectory_that_stopped_early_carries_its_last_version_on() -> None:
    early = checked(*"-+", reason=StopReason.VERIFIED)
    short = checked(*"-+", reason=StopReason.ENGINE_FAILED)
    last = figures(early, short, checked(*"---"), rounds=2)[-1]
    assert (last.records, last.missing, last.fixed) == (2, 1, 1)


def test_figures_are_split_by_a_field() -> None:
    some = (checked(*"-+", kind="mail"), checked(*"--", kind="note"))
    rows = figures(*some, rounds=1, by="kind")
    assert [(row.group, row.fixed) for row in rows if row.round == 1] == [
        (None, 1),
        ("mail", 1),
        ("note", 0),
    ]


def test_a_store_with_checks_needs_no_judge(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    checked_store(path)
    assert count_store(path).has_checks
    found = evaluate(path, [])
    assert {row.check for row in found.checks} == {None, "short", "polite", "reachable"}
    (polite,) = [row for row in found.checks if (row.check, row.round) == ("polite", 1)]
    assert (polite.records, polite.fixed, polite.broken) == (4, 2, 2)


def test_a_store_without_checks_has_no_figures_of_any(tmp_path: Path) -> None:
    path = store_of(tmp_path / "s.sqlite", [["1", "2"]])
    assert not count_store(path).has_checks
    assert evaluate(path, []).checks == ()


def test_the_csv_file_has_a_line_for_each_check_and_round(tmp_path: Path) -> None:
    checked_store(tmp_path / "s.sqlite")
    file = io.StringIO()
    write_figures(file, evaluate(tmp_path / "s.sqlite", []))
    rows = [row for row in csv.DictReader(io.StringIO(file.getvalue())) if row["check"]]
    assert [row["check"] for row in rows[::3]] == ["all checks", "polite", "reachable", "short"]
    assert (rows[1]["judge"], rows[1]["win_rate"], rows[1]["fixed"]) == ("", "", "1")
